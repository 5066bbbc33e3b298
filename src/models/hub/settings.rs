//! Where the cache is, which server is asked, and by which rules: options of a call, then the environment, then defaults.

use super::names::{check_revision, is_pattern};
use crate::error::Result;
use crate::models::options::Options;
use crate::{bail, ensure};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

/// What all verbs of the hub have in common. Read by [`Settings::from`].
#[derive(Clone)]
pub struct Settings {
    /// Option `cache_dir`, else `HF_HUB_CACHE`, else `$HF_HOME/hub`, else `$XDG_CACHE_HOME/huggingface/hub`, else
    /// `~/.cache/huggingface/hub`.
    pub cache: PathBuf,
    /// Option `endpoint`, else `HF_ENDPOINT`, else `https://huggingface.co`; without a slash at its end.
    pub endpoint: String,
    /// Option `token`, else `HF_TOKEN`, else the file `HF_TOKEN_PATH`, else `$HF_HOME/token`; the last three not if
    /// `HF_HUB_DISABLE_IMPLICIT_TOKEN` is set.
    pub token: Option<String>,
    /// Option `offline`, else `HF_HUB_OFFLINE` or `TRANSFORMERS_OFFLINE`.
    pub offline: bool,
    /// Option `revision`: a branch, tag or commit instead of the one that the card or the name says.
    pub revision: Option<String>,
    /// Option `force`: download again what is in the cache.
    pub force: bool,
    /// Option `acknowledge_licence`: true, or ids; and `SCNATIVE_ACCEPT_LICENCE`: ids between commas.
    pub acknowledged: Acknowledged,
    /// Option `timeout` in seconds, 30: for how long a server may send nothing.
    pub timeout: Duration,
    /// Option `retries`, 5: how often in a row a request may fail before the download does.
    pub retries: usize,
    /// Option `retry_wait` in seconds, 0.5: the first wait; it doubles, up to 16 times.
    pub retry_wait: Duration,
    /// Option `workers`, 4: how many files are downloaded at once.
    pub workers: usize,
    /// Options `allow` and `ignore`: patterns of paths within the repository, `*` and `?`.
    pub allow: Vec<String>,
    pub ignore: Vec<String>,
}

/// Whose licences the caller has accepted.
#[derive(Clone, Default)]
pub struct Acknowledged {
    all: bool,
    ids: Vec<String>,
}

impl Acknowledged {
    pub fn has(&self, id: &str) -> bool {
        self.all || self.ids.iter().any(|known| known.eq_ignore_ascii_case(id))
    }
}

/// All options that [`Settings::from`] reads.
pub const OPTIONS: &[&str] = &[
    "cache_dir",
    "endpoint",
    "token",
    "offline",
    "revision",
    "force",
    "acknowledge_licence",
    "timeout",
    "retries",
    "retry_wait",
    "workers",
    "allow",
    "ignore",
];

pub const ENDPOINT: &str = "https://huggingface.co";

impl Settings {
    pub fn from(options: &Options) -> Result<Self> {
        Self::read(options, |name| std::env::var(name).ok())
    }

    fn read(options: &Options, env: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let env = |name: &str| env(name).filter(|value| !value.trim().is_empty());
        let seconds = |name: &str, default: f64| -> Result<Duration> {
            let seconds = options.number(name)?.unwrap_or(default);
            ensure!(
                (0.0..=86400.0).contains(&seconds),
                InvalidArgument,
                "{name}: is {seconds}, must be seconds from 0 to 86400"
            );
            Ok(Duration::from_secs_f64(seconds))
        };
        let revision = options.text("revision")?;
        if let Some(revision) = &revision {
            check_revision(revision)?;
        }
        let home = home(&env);
        let workers = options.size("workers")?.unwrap_or(4);
        ensure!((1..=64).contains(&workers), InvalidArgument, "workers: is {workers}, must be from 1 to 64");
        let timeout = seconds("timeout", 30.0)?;
        ensure!(!timeout.is_zero(), InvalidArgument, "timeout: is 0, must be positive");
        Ok(Self {
            cache: cache(options.text("cache_dir")?, home.as_ref(), &env)?,
            endpoint: endpoint(options.text("endpoint")?, &env)?,
            token: token(options.text("token")?, home.as_ref(), &env)?,
            offline: options
                .flag("offline")?
                .unwrap_or(is_set(&env, "HF_HUB_OFFLINE") || is_set(&env, "TRANSFORMERS_OFFLINE")),
            revision,
            force: options.flag("force")?.unwrap_or(false),
            acknowledged: acknowledged(options, &env)?,
            timeout,
            retries: options.size("retries")?.unwrap_or(5).min(100),
            retry_wait: seconds("retry_wait", 0.5)?,
            workers,
            allow: options.texts("allow")?.unwrap_or_default(),
            ignore: options.texts("ignore")?.unwrap_or_default(),
        })
    }

    /// Whether the caller lets this file be.
    pub fn lets(&self, path: &str) -> bool {
        let any = |patterns: &[String]| {
            patterns.iter().any(|p| if is_pattern(p) { crate::models::likeness::fits(p, path) } else { p == path })
        };
        (self.allow.is_empty() || any(&self.allow)) && !any(&self.ignore)
    }
}

type Env<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Whether a variable says yes, in the words that Hugging Face's own tools take for it.
fn is_set(env: &Env, name: &str) -> bool {
    env(name).is_some_and(|value| ["1", "on", "yes", "true"].contains(&value.trim().to_lowercase().as_str()))
}

fn expanded(path: &str, env: &Env) -> PathBuf {
    match (path.strip_prefix("~/"), env("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => path.into(),
    }
}

/// Where Hugging Face's tools keep their things; none where there is no home.
fn home(env: &Env) -> Option<PathBuf> {
    if let Some(home) = env("HF_HOME") {
        return Some(expanded(&home, env));
    }
    if let Some(cache) = env("XDG_CACHE_HOME") {
        return Some(expanded(&cache, env).join("huggingface"));
    }
    env("HOME").map(|home| PathBuf::from(home).join(".cache/huggingface"))
}

fn cache(option: Option<String>, home: Option<&PathBuf>, env: &Env) -> Result<PathBuf> {
    let path = match option.or_else(|| env("HF_HUB_CACHE")).or_else(|| env("HUGGINGFACE_HUB_CACHE")) {
        Some(path) => expanded(&path, env),
        None => match home {
            Some(home) => home.join("hub"),
            None => bail!(InvalidArgument, "cache_dir: is not given, and neither HF_HOME nor HOME is set"),
        },
    };
    match std::path::absolute(&path) {
        Ok(path) => Ok(path),
        Err(error) => bail!(InvalidArgument, "cache_dir: is {:?}, must be a path: {error}", path.display().to_string()),
    }
}

fn endpoint(option: Option<String>, env: &Env) -> Result<String> {
    let given = option.or_else(|| env("HF_ENDPOINT")).unwrap_or_else(|| ENDPOINT.into());
    let endpoint = given.trim().trim_end_matches('/').to_string();
    let rest = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
    let plain = |rest: &str| !rest.is_empty() && !rest.contains(['@', '?', '#', ' ', '\\']) && rest.is_ascii();
    ensure!(
        rest.is_some_and(plain),
        InvalidArgument,
        "endpoint: is {given:?}, must be a server's address, such as {ENDPOINT}"
    );
    Ok(endpoint)
}

/// The messages do not show it.
fn token(option: Option<String>, home: Option<&PathBuf>, env: &Env) -> Result<Option<String>> {
    let from_file = || {
        let path =
            env("HF_TOKEN_PATH").map(|path| expanded(&path, env)).or_else(|| home.map(|home| home.join("token")))?;
        std::fs::read_to_string(path).ok()
    };
    let implicit = || match is_set(env, "HF_HUB_DISABLE_IMPLICIT_TOKEN") {
        true => None,
        false => env("HF_TOKEN").or_else(|| env("HUGGING_FACE_HUB_TOKEN")).or_else(from_file),
    };
    let token = option.or_else(implicit).map(|token| token.trim().to_string()).filter(|token| !token.is_empty());
    let plain = token.as_ref().is_none_or(|token| token.len() <= 4096 && token.bytes().all(|b| b.is_ascii_graphic()));
    ensure!(plain, InvalidArgument, "token: has characters that no token has");
    Ok(token)
}

fn acknowledged(options: &Options, env: &Env) -> Result<Acknowledged> {
    let split = |list: &str| list.split(',').map(|id| id.trim().to_string()).filter(|id| !id.is_empty()).collect();
    let mut ids: Vec<String> = env("SCNATIVE_ACCEPT_LICENCE").map(|list| split(&list)).unwrap_or_default();
    let mut all = false;
    match options.value("acknowledge_licence") {
        None | Some(Value::Null) => {}
        Some(Value::Bool(yes)) => all = *yes,
        Some(Value::String(id)) => ids.push(id.clone()),
        Some(Value::Array(_)) => ids.extend(options.texts("acknowledge_licence")?.unwrap_or_default()),
        Some(other) => bail!(
            InvalidArgument,
            "acknowledge_licence: is {other}, must be true, or the id of a model, or a list of ids"
        ),
    }
    Ok(Acknowledged { all, ids })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use serde_json::Map;

    fn read(options: &str, env: &[(&str, &str)]) -> Result<Settings> {
        let options = Options::parse(options)?;
        let settings =
            Settings::read(&options, |name| env.iter().find(|(n, _)| *n == name).map(|(_, v)| v.to_string()))?;
        options.finish()?;
        Ok(settings)
    }

    #[test]
    fn the_cache_is_where_hugging_face_has_it() {
        let of = |options: &str, env: &[(&str, &str)]| read(options, env).unwrap().cache.display().to_string();
        let home = ("HOME", "/h");
        assert_eq!(of("", &[home]), "/h/.cache/huggingface/hub");
        assert_eq!(of("", &[home, ("XDG_CACHE_HOME", "/x")]), "/x/huggingface/hub");
        assert_eq!(of("", &[home, ("XDG_CACHE_HOME", "/x"), ("HF_HOME", "~/hf")]), "/h/hf/hub");
        assert_eq!(of("", &[home, ("HF_HOME", "/hf"), ("HF_HUB_CACHE", "/c")]), "/c");
        assert_eq!(of(r#"{"cache_dir": "/mine"}"#, &[("HF_HUB_CACHE", "/c")]), "/mine");
        assert_eq!(read("", &[]).err().unwrap().kind, ErrorKind::InvalidArgument);
    }

    #[test]
    fn tokens_come_from_the_call_the_environment_or_a_file() {
        let folder = std::env::temp_dir().join(format!("scnative-token-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("token"), "from_home\n").unwrap();
        std::fs::write(folder.join("other"), " from_path ").unwrap();
        let home = folder.to_str().unwrap();
        let other = folder.join("other").display().to_string();
        let of = |options: &str, env: &[(&str, &str)]| {
            let mut all = vec![("HF_HOME", home)];
            all.extend(env);
            read(options, &all).unwrap().token
        };
        assert_eq!(of("", &[]).as_deref(), Some("from_home"));
        assert_eq!(of("", &[("HF_TOKEN_PATH", &other)]).as_deref(), Some("from_path"));
        assert_eq!(of("", &[("HF_TOKEN_PATH", &other), ("HF_TOKEN", "env")]).as_deref(), Some("env"));
        assert_eq!(of(r#"{"token": "call"}"#, &[("HF_TOKEN", "env")]).as_deref(), Some("call"));
        assert_eq!(of("", &[("HF_TOKEN", "env"), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]), None);
        let error = read("{\"token\": \"a\\nB: secret\"}", &[("HOME", "/h")]).err().unwrap();
        assert!(error.kind == ErrorKind::InvalidArgument && !error.message.contains("secret"));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_list_of_options_is_whole() {
        let all: Map<String, Value> = OPTIONS.iter().map(|name| (name.to_string(), Value::Null)).collect();
        let options = Options::from(all);
        Settings::read(&options, |name| (name == "HOME").then(|| "/h".into())).unwrap();
        options.finish().unwrap();
        assert!(Options::default().finish().is_ok());
        let error = read(r#"{"colour": 1}"#, &[("HOME", "/h")]).err().unwrap();
        assert!(OPTIONS.iter().all(|name| error.message.contains(&format!("{name:?}"))), "{error}");
        assert_eq!(error.message.matches('"').count(), 2 * OPTIONS.len(), "{error}");
    }

    #[test]
    fn endpoint_and_offline_and_licences() {
        let home = ("HOME", "/h");
        assert_eq!(read("", &[home]).unwrap().endpoint, ENDPOINT);
        assert_eq!(read("", &[home, ("HF_ENDPOINT", "http://mirror:1/")]).unwrap().endpoint, "http://mirror:1");
        for bad in ["ftp://x", "x", "https://", "file:///etc", "https://user@host"] {
            assert!(read(&format!("{{\"endpoint\": {bad:?}}}"), &[home]).is_err(), "{bad}");
        }
        assert!(!read("", &[home]).unwrap().offline);
        assert!(read("", &[home, ("HF_HUB_OFFLINE", "1")]).unwrap().offline);
        assert!(read("", &[home, ("TRANSFORMERS_OFFLINE", "YES")]).unwrap().offline);
        assert!(!read(r#"{"offline": false}"#, &[home, ("HF_HUB_OFFLINE", "1")]).unwrap().offline);
        let has = |options: &str, env: &[(&str, &str)], id: &str| read(options, env).unwrap().acknowledged.has(id);
        assert!(!has("", &[home], "a"));
        assert!(has("", &[home, ("SCNATIVE_ACCEPT_LICENCE", "b, A")], "a"));
        assert!(has(r#"{"acknowledge_licence": true}"#, &[home], "a"));
        assert!(
            has(r#"{"acknowledge_licence": ["a"]}"#, &[home], "a")
                && !has(r#"{"acknowledge_licence": "b"}"#, &[home], "a")
        );
    }
}
