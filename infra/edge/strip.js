// /api/items?page=2 becomes /items?page=2.
function handler(event) {
  var request = event.request;
  request.uri = request.uri.replace(/^\/api(?=\/)/, "");
  return request;
}
