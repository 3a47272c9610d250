//! A real Chromium without a window, spoken to over its debugging pipe: NUL-ended JSON, no port.
//! Whatever it does not answer in time fails the test; it dies with its owner, and so does its profile.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long any one answer may take; the first includes the browser's start on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// One browser with one page.
pub struct Browser {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    session: String,
    asked: u64,
    /// All that it told without being asked.
    events: Vec<Value>,
    home: TempDir,
}

/// A screenshot, 8 bit a channel.
pub struct Picture {
    width: usize,
    channels: usize,
    bytes: Vec<u8>,
}

impl Browser {
    pub fn start() -> Self {
        let home = TempDir::new().unwrap();
        // The pipe's ends are the descriptors 3 and 4. It may be run by root, who gets no sandbox;
        // the page is our own. No name resolves: whatever would be fetched fails, and is seen.
        let mut child = Command::new("sh")
            .args(["-c", "exec chromium \"$@\" 3<&0 4>&1 </dev/null >/dev/null", "sh"])
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--no-first-run", "--disable-background-networking", "--disable-component-update"])
            .args(["--disable-sync", "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND"])
            .args(["--force-device-scale-factor=1", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", home.path().join("profile").display()))
            .arg("about:blank")
            .env("HOME", home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("cannot start chromium: run tests/setup");
        let to = child.stdin.take().unwrap();
        let mut answers = BufReader::new(child.stdout.take().unwrap());
        let (tell, from) = channel();
        // Ends with the browser: the pipe is closed then.
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while answers.read_until(0, &mut message).is_ok_and(|length| length > 0) {
                message.pop();
                let value = serde_json::from_slice(&message).unwrap_or(Value::Null);
                if tell.send(value).is_err() {
                    break;
                }
                message.clear();
            }
        });
        let mut browser =
            Self { child, to, from, session: String::new(), asked: 0, events: Vec::new(), home };
        let target = browser.ask("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = browser.ask("Target.attachToTarget", &attach);
        attached["sessionId"].as_str().unwrap().clone_into(&mut browser.session);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.ask(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// Opens a page as a file, in a window of this size, and waits until it is drawn.
    pub fn open(&mut self, page: &str, width: u32, height: u32) {
        self.open_still(page, width, height);
        self.settle();
    }

    /// The same, but waits only until it is loaded: for a page without scripts.
    pub fn open_still(&mut self, page: &str, width: u32, height: u32) {
        let file = self.home.path().join("page.html");
        std::fs::write(&file, page).unwrap();
        self.size(width, height);
        self.events.clear();
        self.ask("Page.navigate", &json!({"url": format!("file://{}", file.display())}));
        let started = Instant::now();
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let left = PATIENCE.saturating_sub(started.elapsed());
            let event = self.from.recv_timeout(left).expect("the page did not load in time");
            self.events.push(event);
        }
    }

    pub fn size(&mut self, width: u32, height: u32) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.ask("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// `light` or `dark`; `medium` is empty, `screen` or `print`.
    pub fn scheme(&mut self, scheme: &str, medium: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.ask("Emulation.setEmulatedMedia", &json!({"media": medium, "features": features}));
        self.settle();
    }

    /// Waits until what was asked for is drawn: two frames.
    pub fn settle(&mut self) {
        let frames = "new Promise(done => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(() => done(1)))))";
        assert_eq!(self.value(frames), 1);
    }

    /// The value of an expression in the page.
    pub fn value(&mut self, expression: &str) -> Value {
        let ask = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.ask("Runtime.evaluate", &ask);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// What the mouse does at a place of the window: `mouseMoved`, `mousePressed`, `mouseReleased`.
    pub fn mouse(&mut self, what: &str, x: f64, y: f64, clicks: u32) {
        let button = if what == "mouseMoved" && clicks == 0 { "none" } else { "left" };
        let buttons = u32::from(what != "mouseReleased" && clicks > 0);
        let event =
            json!({"type": what, "x": x, "y": y, "button": button, "buttons": buttons, "clickCount": clicks});
        self.ask("Input.dispatchMouseEvent", &event);
    }

    /// The whole page as a picture, kept in the file too for a person to look at.
    pub fn picture(&mut self, file: &Path) -> Picture {
        let mut whole = self.ask("Page.getLayoutMetrics", &json!({}))["cssContentSize"].clone();
        whole["scale"] = json!(1);
        let ask = json!({"format": "png", "captureBeyondViewport": true, "clip": whole});
        let answer = self.ask("Page.captureScreenshot", &ask);
        let bytes = BASE64_STANDARD.decode(answer["data"].as_str().unwrap()).unwrap();
        std::fs::write(file, &bytes).unwrap();
        Picture::decode(&bytes)
    }

    /// The page on paper, as a PDF.
    pub fn paper(&mut self) -> Vec<u8> {
        let answer =
            self.ask("Page.printToPDF", &json!({"printBackground": true, "preferCSSPageSize": true}));
        BASE64_STANDARD.decode(answer["data"].as_str().unwrap()).unwrap()
    }

    /// Each error and warning of the console, and each request but the page itself.
    pub fn complaints(&mut self) -> Vec<String> {
        self.settle();
        let complaint = |event: &Value| {
            let what = &event["params"];
            let bad = match event["method"].as_str()? {
                "Runtime.exceptionThrown" => true,
                "Runtime.consoleAPICalled" => what["type"] != "log",
                "Log.entryAdded" => what["entry"]["level"] != "info" && what["entry"]["level"] != "verbose",
                "Network.requestWillBeSent" => !what["request"]["url"].as_str()?.ends_with("/page.html"),
                _ => false,
            };
            bad.then(|| event.to_string())
        };
        self.events.iter().filter_map(complaint).collect()
    }

    /// Calls one method of the protocol and waits for its answer.
    pub fn ask(&mut self, method: &str, parameters: &Value) -> Value {
        self.asked += 1;
        let mut message = json!({"id": self.asked, "method": method, "params": parameters});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        let mut line = message.to_string().into_bytes();
        line.push(0);
        self.to.write_all(&line).expect("the browser is gone");
        let started = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(started.elapsed());
            let answer = self.from.recv_timeout(left).unwrap_or_else(|_| panic!("no answer to {method}"));
            if answer["id"] == self.asked {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
            self.events.push(answer);
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser leads a group of its own: its many children end with it.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

impl Picture {
    fn decode(bytes: &[u8]) -> Self {
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(frame.bit_depth, png::BitDepth::Eight);
        Self { width: frame.width as usize, channels: frame.color_type.samples(), bytes: pixels }
    }

    /// The colour at a place.
    pub fn at(&self, x: usize, y: usize) -> [u8; 3] {
        let start = (y * self.width + x) * self.channels;
        [self.bytes[start], self.bytes[start + 1], self.bytes[start + 2]]
    }
}
