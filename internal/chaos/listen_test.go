package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// listensOn gives the port on which a process listens, "" if it does not yet. It
// asks the system: some of the processes here have no log to say it in, and a port
// that was free a moment ago may be taken.
//
// Source: proc_pid_net(5), /proc/net/tcp
func listensOn(pid int) string {
	sockets := map[string]bool{}
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil {
			if inode, ok := strings.CutPrefix(to, "socket:["); ok {
				sockets[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	const local, state, inode, listening = 1, 3, 9, "0A"
	text, _ := os.ReadFile("/proc/net/tcp")
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) <= inode || fields[state] != listening || !sockets[fields[inode]] {
			continue
		}
		_, port, _ := strings.Cut(fields[local], ":")
		if n, err := strconv.ParseUint(port, 16, 16); err == nil {
			return strconv.FormatUint(n, 10)
		}
	}
	return ""
}
