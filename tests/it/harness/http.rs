//! A browser without a screen, whose headers a test can set.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::PATIENCE;

/// A browser with one page open.
#[derive(Clone)]
pub(crate) struct Browser {
    /// `127.0.0.1:PORT`.
    pub(crate) host: String,
    /// `/PREFIX/`.
    pub(crate) base: String,
    /// The cookie that the page set.
    pub(crate) cookie: String,
}

pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// A request. Headers that a test does not set are those of a browser.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    pub(crate) host: Option<&'a str>,
    pub(crate) origin: Option<&'a str>,
    pub(crate) site: Option<&'a str>,
    pub(crate) cookie: Option<&'a str>,
    pub(crate) kind: &'a str,
    pub(crate) body: &'a str,
}

impl Browser {
    /// Opens an address that a command has printed.
    pub(crate) fn open(address: &str) -> (Self, Response) {
        let rest = address.strip_prefix("http://").unwrap();
        let (host, path) = rest.split_at(rest.find('/').unwrap());
        let prefix = path.split('/').nth(1).unwrap();
        let mut browser = Self { host: host.to_owned(), base: format!("/{prefix}/"), cookie: String::new() };
        let response = browser.raw(path, &browser.asked("GET"));
        if let Some(cookie) = response.header("set-cookie") {
            cookie.split(';').next().unwrap().clone_into(&mut browser.cookie);
        }
        (browser, response)
    }

    /// A request with the headers that a browser sends by itself.
    pub(crate) fn asked(&self, method: &'static str) -> Asked<'_> {
        Asked {
            method,
            host: Some(&self.host),
            origin: None,
            site: Some("same-origin"),
            cookie: Some(&self.cookie).filter(|it| !it.is_empty()).map(String::as_str),
            kind: "application/x-www-form-urlencoded",
            body: "",
        }
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.raw(&format!("{}{path}", self.base), &self.asked("GET"))
    }

    pub(crate) fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let body = form(fields);
        let own = format!("http://{}", self.host);
        let asked = Asked { origin: Some(&own), body: &body, ..self.asked("POST") };
        self.raw(&format!("{}{path}", self.base), &asked)
    }

    /// Sends a request to a whole path.
    pub(crate) fn raw(&self, path: &str, asked: &Asked<'_>) -> Response {
        let mut text = format!("{} {path} HTTP/1.1\r\nConnection: close\r\n", asked.method);
        let headers = [
            ("Host", asked.host),
            ("Origin", asked.origin),
            ("Sec-Fetch-Site", asked.site),
            ("Cookie", asked.cookie),
        ];
        for (name, value) in headers {
            if let Some(value) = value {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        if asked.method == "POST" {
            text.push_str(&format!(
                "Content-Type: {}\r\nContent-Length: {}\r\n",
                asked.kind,
                asked.body.len()
            ));
        }
        text.push_str("\r\n");
        text.push_str(asked.body);
        let mut stream = TcpStream::connect(&self.host).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = stream.write_all(text.as_bytes());
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Response { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// Reads the event stream until a text arrives.
    pub(crate) fn hears(&self, path: &str, text: &str, patience: Duration) -> String {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        stream.set_read_timeout(Some(patience)).unwrap();
        let request = format!(
            "GET {}{path} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n\r\n",
            self.base, self.host, self.cookie
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut heard = String::new();
        let mut bytes = [0; 4096];
        while !heard.contains(text) {
            let count = stream.read(&mut bytes).unwrap_or_else(|error| panic!("{error}: {heard}"));
            assert!(count > 0, "the stream ended: {heard}");
            heard.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
        heard
    }
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
    }

    /// The value of a form's hidden field.
    pub(crate) fn field(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let (_, rest) = self.body.split_once(&start).unwrap_or_else(|| panic!("no {name}: {}", self.body));
        rest.split('"').next().unwrap().to_owned()
    }
}

/// Encodes fields as a browser sends them.
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    let encoded = |text: &str| {
        text.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
                byte => format!("%{byte:02X}"),
            })
            .collect::<String>()
    };
    fields
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect::<Vec<_>>()
        .join("&")
}
