// Local runs the whole path of a Dialogflow CX webhook call on one machine,
// offline: a fake Dialogflow with a client certificate and an ID token, a load
// balancer that terminates mutual TLS, and the function with its verification fully
// on. Keys are made at the start and gone at the end.
//
//	go run ./cmd/local                      the stack, with Google's sample call; serves until ctrl-C
//	go run ./cmd/local trigger confirm size=small color=blue
//	go run ./cmd/local tail                 the calls of the running stack, as they come
//	go run ./cmd/local doctor --token FILE  why a token, a certificate, a dump of headers, a URL or the environment is refused
//	go run ./cmd/local new DIR --module PATH --agent EXPORT  a module with typed handlers for an exported agent; gen, lint and upgrade keep it
//
// Where the fakes differ from Google is said in docs/emulator.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"example.com/cxhook/internal/console"
)

type cli struct {
	Serve    serveCmd    `cmd:"" default:"withargs" help:"Start the stack, send Google's sample call through it, and serve until ctrl-C. The default."`
	Call     callCmd     `cmd:"" help:"Send one call through a stack of its own, and say what became of it at each station. The exit code is 0 only for HTTP 200."`
	Trigger  triggerCmd  `cmd:"" help:"Send one call through the stack that runs, in a session that it keeps. The exit code is 0 only for HTTP 200."`
	Replay   replayCmd   `cmd:"" help:"Send a call of the running stack again: the same bytes, with a new token and handshake."`
	Record   recordCmd   `cmd:"" help:"Keep calls of the running stack as conversations, which go test (cxtest.Run) and trigger --saved play."`
	Tail     tailCmd     `cmd:"" help:"Show the calls of the running stack as they come, until ctrl-C."`
	Faults   faultsCmd   `cmd:"" help:"List what can be broken in the running stack on purpose; break it, and mend it."`
	Certs    certsCmd    `cmd:"" help:"Write certificates for a real agent: the server's, for its custom CA setting, and a client certificate of its own."`
	Doctor   doctorCmd   `cmd:"" help:"Judge a token, a certificate, a dump of headers, a URL or the environment by the function's own rules, and say what to change. Settings are read from the environment as the function reads them. The exit code is 0 only if everything passes."`
	Function functionCmd `cmd:"" help:"Serve the function alone, configured by the environment as in the cloud: with --tls-cert, a server of your own that needs no load balancer. Its log is on standard output."`
	Lint     lintCmd     `cmd:"" help:"Hold an exported agent against the handlers: tags, parameters, pages, error handlers, timeouts, authentication, flexible webhooks. The exit code is 0 only without errors and warnings; //cxhook:ignore RULE reason, in the handlers, silences one."`
	Gen      genCmd      `cmd:"" help:"Write typed parameters, constants, stubs and tests for an exported agent into handlers/. Only agent_gen.go is ever written again; what you wrote stays as it is."`
	New      newCmd      `cmd:"" help:"Make a module for an agent out of this one: complete, deployable, with typed handlers. Run it in a clone of this module."`
	Upgrade  upgradeCmd  `cmd:"" help:"Bring a module that new made up to date from this one, handlers/ left alone. Run it in a newer clone. The exit code is 1 where something is to be merged by hand."`
}

// exitError ends the process with a code after everything has been said.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main without the process around it. Exit codes: 0 done, 1 the call was not
// answered 200, the doctor found something or the stack failed, 2 wrong use.
func run(args []string, stdout, stderr io.Writer) (code int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	parser := newParser(&cli{}, &streams{stdout, stderr})
	defer func() {
		if p := recover(); p != nil {
			exit, ok := p.(exitError)
			if !ok {
				panic(p)
			}
			code = int(exit)
		}
	}()
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "local: %v\nTry: go run ./cmd/local --help\n", err)
		return 2
	}
	command.BindTo(ctx, (*context.Context)(nil))
	err = command.Run()
	var exit exitError
	var usage *usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return int(exit)
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, "local:", err)
		return 2
	default:
		fmt.Fprintln(stderr, "local:", err)
		return 1
	}
}

// newParser compiles the command line. A mistake in it is one of ours.
func newParser(c *cli, s *streams) *kong.Kong {
	return kong.Must(c, kong.Name("local"),
		kong.Description("The whole path of a Dialogflow CX webhook call on this machine, offline."),
		kong.Writers(s.out, s.err), kong.Bind(s),
		kong.Exit(func(code int) { panic(exitError(code)) })) // --help ends here
}

// streams are where the commands write.
type streams struct{ out, err io.Writer }

// usageError is a command line that cannot be carried out.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// asUsage makes a wrong use of what the console refuses.
func asUsage(err error) error {
	var refused *console.RequestError
	if errors.As(err, &refused) {
		return usagef("%s", refused.Problem)
	}
	return err
}

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }
