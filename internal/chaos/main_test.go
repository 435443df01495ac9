package chaos

import (
	"os"
	"testing"

	"github.com/rs/zerolog"
)

func TestMain(m *testing.M) {
	zerolog.SetGlobalLevel(zerolog.Disabled) // the toxics' own, which they write to standard error
	code := m.Run()
	printTable()
	os.Exit(code)
}
