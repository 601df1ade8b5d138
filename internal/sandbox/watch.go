package sandbox

import "github.com/pulumi/pulumi/sdk/v3/go/auto/events"

// Watch runs an operation of the engine and hands each of its events to see, one after the other. It returns the
// operation's error once see has had the last event. The Automation API closes the stream only when the engine got
// as far as using it, so a plain loop over it may never end.
func Watch(operation func(stream chan events.EngineEvent) error, see func(events.EngineEvent)) error {
	stream, finished, done := make(chan events.EngineEvent), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case e, open := <-stream:
				if !open {
					return
				}
				see(e)
			case <-finished:
				return
			}
		}
	}()
	err := operation(stream)
	close(finished)
	<-done
	return err
}
