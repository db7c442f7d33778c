package prover

import (
	"os"
	"runtime/debug"
	"syscall"
	"time"
)

// memoryPercent is Go's GOGC for a process that proves: a proof holds much memory for long and makes little garbage, so that collecting twice as often as by
// default costs nothing that could be measured, and takes a fifth off the peak.
const memoryPercent = 50

// TuneMemory sets the process up for proving.
func TuneMemory() { debug.SetGCPercent(memoryPercent) }

// usage measures the process over a job.
type usage struct {
	cpu  time.Duration
	wall time.Time
}

// startUsage begins to measure.
func startUsage() usage { return usage{cpu: cpuTime(), wall: time.Now()} }

// cpuSeconds is the user and system time of the whole process since the start.
func (u usage) cpuSeconds() float64 { return (cpuTime() - u.cpu).Seconds() }

// seconds is the time since the start.
func (u usage) seconds() float64 { return time.Since(u.wall).Seconds() }

func rusage() (r syscall.Rusage) {
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err) // only for a bad argument
	}
	return r
}

func cpuTime() time.Duration {
	r := rusage()
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// resetPeak makes peakMiB count from now on, where the system lets it (Linux): otherwise it counts from the start of the process.
func resetPeak() {
	if file, err := os.OpenFile("/proc/self/clear_refs", os.O_WRONLY, 0); err == nil {
		_, _ = file.WriteString("5")
		_ = file.Close()
	}
}

// peakMiB is the greatest resident size of the process, in MiB.
func peakMiB() float64 { return float64(rusage().Maxrss) / 1024 }
