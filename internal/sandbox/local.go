package sandbox

import (
	"context"
	"errors"
	"path"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// Local is the sandbox's provider for an engine in the same process: no port, and nothing is written to bytes and read
// again.
type Local struct {
	server    *server
	done      context.Context //nolint:containedctx // the life of a server, not of a call
	end       context.CancelFunc
	mu        sync.Mutex
	closed    bool
	running   sync.WaitGroup
	instances []*instance
}

// NewLocal is a provider of the cloud's. killed is called when the cloud was told to lose the process.
func NewLocal(cloud *Cloud, killed func()) *Local {
	l := &Local{server: &server{cloud: cloud, killed: killed}}
	l.done, l.end = context.WithCancel(context.Background())
	return l
}

// Connect is an instance of the provider, with its own configuration.
func (l *Local) Connect() grpc.ClientConnInterface {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := &instance{}
	l.instances = append(l.instances, i)
	return connection{local: l, instance: i}
}

// Close ends what runs: what has not begun must not reach the cloud afterwards.
func (l *Local) Close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.end()
	l.running.Wait()
	for _, i := range l.instances {
		i.detach()
	}
}

// begin reports whether a call may run; it must then say when it is done.
func (l *Local) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.running.Add(1)
	}
	return !l.closed
}

type connection struct {
	local    *Local
	instance *instance
}

// Invoke is a call of the engine's, as gRPC makes it.
func (c connection) Invoke(ctx context.Context, method string, request, answer any, _ ...grpc.CallOption) error {
	if !c.local.begin() {
		return status.Error(codes.Unavailable, "the sandbox's provider has ended")
	}
	defer c.local.running.Done()
	ctx, cancel := context.WithCancel(context.WithValue(ctx, instanceKey{}, c.instance))
	defer cancel()
	defer context.AfterFunc(c.local.done, cancel)()
	for _, m := range pulumirpc.ResourceProvider_ServiceDesc.Methods {
		if m.MethodName != path.Base(method) {
			continue
		}
		out, err := m.Handler(c.local.server, ctx, func(in any) error {
			hand(request, in)
			return nil
		}, nil)
		if err != nil {
			return status.Convert(err).Err()
		}
		hand(out, answer)
		return nil
	}
	return status.Error(codes.Unimplemented, method)
}

// NewStream is for calls in pieces; the provider has none.
func (connection) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, errors.New("the sandbox's provider has no streams")
}

// hand gives one message's fields to another of its type. Neither side writes into what it was given.
func hand(from, to any) {
	target := to.(proto.Message).ProtoReflect()
	from.(proto.Message).ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		target.Set(field, value)
		return true
	})
}
