//! The configuration of a Janus that does one thing.

use std::io;
use std::net::IpAddr;
use std::path::Path;

/// All plugins of the package but the streaming one.
const PLUGINS: &str = "libjanus_audiobridge.so,libjanus_duktape.so,libjanus_echotest.so,libjanus_lua.so,\
                       libjanus_nosip.so,libjanus_recordplay.so,libjanus_sip.so,libjanus_textroom.so,\
                       libjanus_videocall.so,libjanus_videoroom.so,libjanus_voicemail.so";

/// All transports of the package but WebSockets.
const TRANSPORTS: &str =
    "libjanus_http.so,libjanus_mqtt.so,libjanus_nanomsg.so,libjanus_pfunix.so,libjanus_rabbitmq.so";

/// What can be chosen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Configuration {
    /// Threads for media; 0 leaves it at one a viewer.
    pub(super) loops: u32,
    /// The only address to offer.
    pub(super) local: IpAddr,
    /// Where its API listens, on loopback.
    pub(super) port: u16,
}

impl Configuration {
    /// Writes the files of a configuration folder.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        // Handlers of events and loggers are looked for where none is.
        let empty = folder.join("empty");
        std::fs::create_dir_all(&empty)?;
        std::fs::write(folder.join("janus.jcfg"), self.core(folder, &empty))?;
        std::fs::write(folder.join("janus.transport.websockets.jcfg"), self.transport())?;
        std::fs::write(folder.join("janus.plugin.streaming.jcfg"), "general: {\n}\n")
    }

    fn core(&self, folder: &Path, empty: &Path) -> String {
        let Self { loops, local, .. } = self;
        let (folder, empty) = (folder.display(), empty.display());
        let loops = if *loops == 0 { String::new() } else { format!("\tevent_loops = {loops}\n") };
        format!(
            "general: {{\n\tconfigs_folder = \"{folder}\"\n\tevents_folder = \"{empty}\"\n\tloggers_folder = \"{empty}\"\n\
             \tdebug_level = 2\n\tdebug_colors = false\n\tsession_timeout = 0\n{loops}}}\n\
             nat: {{\n\tice_lite = true\n\tice_enforce_list = \"{local}\"\n}}\n\
             plugins: {{\n\tdisable = \"{PLUGINS}\"\n}}\n\
             transports: {{\n\tdisable = \"{TRANSPORTS}\"\n}}\n\
             events: {{\n\tbroadcast = false\n}}\n"
        )
    }

    fn transport(&self) -> String {
        let port = self.port;
        format!(
            "general: {{\n\tjson = \"compact\"\n\tws = true\n\tws_port = {port}\n\tws_ip = \"127.0.0.1\"\n\twss = false\n}}\n\
             admin: {{\n\tadmin_ws = false\n}}\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_is_named_only_when_one_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let core = |loops| {
            let local = "192.0.2.7".parse().unwrap();
            Configuration { loops, local, port: 8188 }.write(folder.path()).unwrap();
            std::fs::read_to_string(folder.path().join("janus.jcfg")).unwrap()
        };
        assert!(core(2).contains("event_loops = 2\n"));
        let default = core(0);
        assert!(!default.contains("event_loops"));
        assert!(default.contains("ice_lite = true") && default.contains("ice_enforce_list = \"192.0.2.7\""));
        assert!(!default.contains("libjanus_streaming.so") && !default.contains("libjanus_websockets.so"));
        for text in
            [default, std::fs::read_to_string(folder.path().join("janus.transport.websockets.jcfg")).unwrap()]
        {
            assert_eq!(text.matches('{').count(), text.matches('}').count(), "{text}");
        }
    }
}
