package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// browser is a real one without a window, driven over WebDriver (www.w3.org/TR/webdriver2).
type browser struct {
	t       *testing.T
	session string // URL
}

// newBrowser starts chromium, or skips the test where there is none.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	driver, err := exec.LookPath("chromedriver")
	chromium, err2 := exec.LookPath("chromium")
	if err != nil || err2 != nil {
		t.Skip("SKIPPED: chromium and chromedriver are not installed (Debian: apt-get install chromium chromium-driver fonts-noto-cjk)")
	}
	c := exec.Command(driver, "--port=0")
	c.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t}
	t.Cleanup(func() {
		if b.session != "" {
			b.ask("DELETE", "", nil, nil)
		}
		if err := c.Process.Kill(); err != nil {
			t.Log(err)
		}
		c.Wait() // it was killed: there is nothing to learn from how it ended
	})
	port := ""
	for lines := bufio.NewScanner(out); port == "" && lines.Scan(); {
		if _, rest, ok := strings.Cut(lines.Text(), "started successfully on port "); ok {
			port = strings.TrimSuffix(rest, ".")
		}
	}
	go io.Copy(io.Discard, out) // it must not wait for a reader
	if port == "" {
		t.Fatal("chromedriver did not start")
	}
	b.session = "http://127.0.0.1:" + port + "/session"
	var made struct{ SessionID string }
	b.ask("POST", "", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"goog:loggingPrefs": map[string]string{"browser": "ALL", "performance": "ALL"},
		"goog:chromeOptions": map[string]any{"binary": chromium, "args": []string{"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
			"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--lang=en-US", "--user-data-dir=" + t.TempDir()}},
	}}}, &made)
	b.session += "/" + made.SessionID
	return b
}

// ask sends a command and reads the value of its answer.
func (b *browser) ask(method, path string, body, value any) {
	b.t.Helper()
	sent, err := json.Marshal(body)
	if err != nil {
		b.t.Fatal(err)
	}
	if body == nil {
		sent = nil
	}
	q, err := http.NewRequest(method, b.session+path, bytes.NewReader(sent))
	if err != nil {
		b.t.Fatal(err)
	}
	client := http.Client{Timeout: 2 * time.Minute}
	answer, err := client.Do(q)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	var got struct{ Value json.RawMessage }
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil || answer.StatusCode != http.StatusOK {
		b.t.Fatalf("%s %s: %s: %.600s %v", method, path, answer.Status, got.Value, err)
	}
	if value != nil {
		if err := json.Unmarshal(got.Value, value); err != nil {
			b.t.Fatalf("%s %s: %v: %.300s", method, path, err, got.Value)
		}
	}
}

// open shows a file.
func (b *browser) open(path string) {
	b.ask("POST", "/url", map[string]string{"url": "file://" + path}, nil)
}

// run runs a script as the body of a function and reads what it returns.
func (b *browser) run(script string, value any, args ...any) {
	b.t.Helper()
	if args == nil {
		args = []any{}
	}
	b.ask("POST", "/execute/sync", map[string]any{"script": script, "args": args}, value)
}

// devtools sends a command of the DevTools protocol.
func (b *browser) devtools(cmd string, params map[string]any, value any) {
	b.t.Helper()
	b.ask("POST", "/goog/cdp/execute", map[string]any{"cmd": cmd, "params": params}, value)
}

// wide makes the window so many pixels wide, as a telephone's when it is narrow.
func (b *browser) wide(width int) {
	b.devtools("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
}

// log reads what was logged since it was read last: "browser" is the console, "performance" what the network did.
func (b *browser) log(kind string) (messages []string) {
	var got []struct{ Message string }
	b.ask("POST", "/se/log", map[string]string{"type": kind}, &got)
	for _, m := range got {
		messages = append(messages, m.Message)
	}
	return messages
}

// requests lists what pages asked for since it was asked last, but not what the browser's own pages do while it starts.
func (b *browser) requests() (urls []string) {
	for _, m := range b.log("performance") {
		var e struct {
			Message struct {
				Method string
				Params struct {
					DocumentURL string
					Request     struct{ URL string }
				}
			}
		}
		if err := json.Unmarshal([]byte(m), &e); err != nil {
			b.t.Fatal(err)
		}
		if own, _, _ := strings.Cut(e.Message.Params.DocumentURL, ":"); e.Message.Method == "Network.requestWillBeSent" && !strings.HasPrefix(own, "chrome") && own != "about" && own != "" {
			urls = append(urls, e.Message.Params.Request.URL)
		}
	}
	return urls
}

// picture saves the first pieces of the page, of 1600 pixels each, with long tables collapsed: name-00.png, name-01.png, ...
func (b *browser) picture(dir, name string, width int) {
	b.t.Helper()
	var height int
	b.run(`document.querySelectorAll("details").forEach(function (d) { d.open = false; }); return document.documentElement.scrollHeight`, &height)
	for i, y := 0, 0; y < min(height, 16000); i, y = i+1, y+1600 {
		var shot struct{ Data string }
		b.devtools("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true,
			"clip": map[string]any{"x": 0, "y": y, "width": width, "height": min(1600, height-y), "scale": 1}}, &shot)
		png, err := base64.StdEncoding.DecodeString(shot.Data)
		if err != nil {
			b.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%02d.png", name, i)), png, 0o644); err != nil {
			b.t.Fatal(err)
		}
	}
}

// print saves the page as it comes out on paper.
func (b *browser) print(path string) {
	b.t.Helper()
	var sheets struct{ Data string }
	b.devtools("Page.printToPDF", map[string]any{"preferCSSPageSize": true, "printBackground": true}, &sheets)
	pdf, err := base64.StdEncoding.DecodeString(sheets.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, pdf, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
