package chaos

import (
	"fmt"
	"net"
	"os"
	"testing"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	"github.com/rs/zerolog"
)

// envFramework makes the test's program the function under functions-framework, as
// the generated main in the cloud is; it holds the port.
const envFramework = "TEST_FRAMEWORK_PORT"

func TestMain(m *testing.M) {
	if port := os.Getenv(envFramework); port != "" {
		fmt.Fprintln(os.Stderr, funcframework.StartHostPort("127.0.0.1", port))
		os.Exit(1)
	}
	if os.Getenv(envChild) != "" {
		os.Exit(child())
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	zerolog.SetGlobalLevel(zerolog.Disabled)                    // the toxics' own, which they write to standard error
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil { // opens what the runtime itself waits with
		l.Close()
	}
	var err error
	if programs, err = os.MkdirTemp("", "chaos"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(programs)
	defer printTable()
	return m.Run()
}
