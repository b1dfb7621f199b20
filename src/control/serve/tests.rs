use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream as StdStream;

use super::*;
use crate::inbox;

/// A door to an inbox that answers nothing, for a user.
async fn door(owner: u32) -> (tempfile::TempDir, std::path::PathBuf, watch::Sender<bool>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let listener = StdListener::bind(&path).expect("bound");
    let (stop, stopped) = watch::channel(false);
    let store = Store::new(1);
    let (intake, events) = inbox::channel(1, store.clone());
    let state = ControlState {
        scripts: intake.scripts(),
        store,
        address: String::new(),
    };
    tokio::spawn(async move {
        // Nobody looks at them, and nobody has gone.
        let _events = events;
        serve_for(owner, listener, state, stopped).await
    });
    (folder, path, stop)
}

fn line(stream: &StdStream) -> Value {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).expect("a line");
    serde_json::from_str(&line).expect(&line)
}

async fn blocking<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    spawn_blocking(act).await.expect("done")
}

#[tokio::test]
async fn another_user_is_turned_away() {
    let (_folder, path, _stop) = door(own_user() + 1).await;
    let answer = blocking(move || {
        let stream = StdStream::connect(path).expect("connected");
        let answer = line(&stream);
        let end = (&stream).read(&mut [0]).expect("an end");
        assert_eq!(end, 0);
        answer
    });
    assert_eq!(answer.await["error"]["code"], "forbidden");
}

#[tokio::test]
async fn there_is_room_for_so_many_scripts_and_no_more() {
    let (_folder, path, _stop) = door(own_user()).await;
    blocking(move || {
        let connect = || StdStream::connect(&path).expect("connected");
        let full: Vec<StdStream> = (0..MAX_SCRIPTS).map(|_| connect()).collect();
        for stream in &full {
            // That each of them is served is known by an answer.
            (&*stream).write_all(b"{}\n").expect("written");
            assert_eq!(line(stream)["error"]["code"], "version");
        }
        assert_eq!(line(&connect())["error"]["code"], "busy");
        drop(full);
    })
    .await;
}

#[tokio::test]
async fn a_line_that_never_ends_is_given_up() {
    let (_folder, path, _stop) = door(own_user()).await;
    let answer = blocking(move || {
        let mut stream = StdStream::connect(path).expect("connected");
        let long = vec![b' '; LONGEST_LINE + 1];
        // The other side stops reading at some point.
        let _ = stream.write_all(&long);
        line(&stream)
    });
    assert_eq!(answer.await["error"]["code"], "malformed");
}

#[tokio::test]
async fn who_is_connected_when_it_ends_is_let_go() {
    let (_folder, path, stop) = door(own_user()).await;
    blocking(move || {
        let stream = StdStream::connect(path).expect("connected");
        (&stream).write_all(b"\n{}\n").expect("written");
        assert_eq!(line(&stream)["error"]["code"], "version");
        stop.send_replace(true);
        assert_eq!((&stream).read(&mut [0]).expect("an end"), 0);
    })
    .await;
}
