package recovery

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Report is what was found, and done about it.
type Report struct {
	// Forgotten are operations that had begun and of which AWS knows nothing.
	Forgotten []string
	// Settled are operations that had begun on what the state knows already; it has been read anew.
	Settled []string
	// Adopted are resources that AWS had and the state has now.
	Adopted []string
	// Doubled are resources that AWS has a second time; the next update deletes those.
	Doubled []string
	// Strangers are resources with the environment's tags that neither state nor program know.
	Strangers []string
}

// Empty says whether nothing was out of order.
func (r Report) Empty() bool {
	return len(r.Forgotten)+len(r.Settled)+len(r.Adopted)+len(r.Doubled)+len(r.Strangers) == 0
}

// OnlyStrangers says whether state and program are in order, whatever else AWS has.
func (r Report) OnlyStrangers() bool {
	r.Strangers = nil
	return r.Empty()
}

// String is the report for people, a line for each resource.
func (r Report) String() string {
	if r.Empty() {
		return "State and AWS agree: nothing was begun and not ended, and AWS has nothing that the state does not know.\n"
	}
	var b strings.Builder
	section := func(title string, names []string) {
		if len(names) == 0 {
			return
		}
		fmt.Fprintf(&b, "%s\n", title)
		for _, name := range names {
			if urn := resource.URN(name); urn.IsValid() {
				name = string(urn.Type()) + " " + urn.Name()
			}
			fmt.Fprintf(&b, "  %s\n", name)
		}
	}
	section("Taken into the state, as AWS has it already:", r.Adopted)
	section("AWS has it twice; the next update deletes one:", r.Doubled)
	section("Changed or deleted when it ended; the state has now what AWS has of it:", r.Settled)
	section("Begun, and nothing of it is in AWS; the next update makes it:", r.Forgotten)
	section("Not known to the state or the program, but tagged as the environment's; look at it, and delete it by hand:", r.Strangers)
	return b.String()
}
