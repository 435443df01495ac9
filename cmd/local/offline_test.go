package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// With the network unplugged, a namespace that has loopback alone, the stack works,
// and nothing tries to reach out.
func TestOffline(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: network namespaces are Linux's")
	}
	for _, tool := range []string{"unshare", "ip", "strace"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED: %s is not installed", tool)
		}
	}
	if out, err := exec.Command("unshare", "--net", "--map-root-user", "ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: no network namespace may be made here: %v %s", err, out)
	}
	local := filepath.Join(t.TempDir(), "local")
	if out, err := exec.Command("go", "build", "-o", local, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	home := append(os.Environ(), "TMPDIR="+t.TempDir(), "XDG_CACHE_HOME="+t.TempDir())
	stack, err := start("unshare", ".", home, "--net", "--map-root-user", "sh", "-c", `ip link set lo up && exec "$0" serve`, local)
	if err != nil {
		t.Fatal(err)
	}
	defer stack.interrupt()
	if _, err := stack.next("Calls as they come"); err != nil {
		t.Error(err)
	}
	if err := stack.interrupt(); err != nil {
		t.Errorf("%v: %s", err, stack.stderr.String())
	}

	calls := filepath.Join(t.TempDir(), "calls")
	cmd := exec.Command("unshare", "--net", "--map-root-user", "sh", "-c",
		`ip link set lo up && exec strace --follow-forks --trace=connect,sendto,sendmsg --output="$0" "$1" call`, calls, local)
	cmd.Env = home
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "One large, red shirt") {
		t.Fatalf("%v\n%s", err, out)
	}
	trace, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	peer := regexp.MustCompile(`inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"`)
	loopback := 0
	for _, m := range peer.FindAllStringSubmatch(string(trace), -1) {
		switch address := m[1] + m[2]; address {
		case "127.0.0.1", "::1":
			loopback++
		default:
			t.Errorf("tried to reach %s", address)
		}
	}
	if loopback < 3 { // Dialogflow, the load balancer and the function call each their next
		t.Errorf("%d connections were seen; the trace is not what this test thinks", loopback)
	}
}
