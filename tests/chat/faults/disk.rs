//! A disk that is full, and one that fails now and then. SQLite undoes a whole transaction by itself when that happens:
//! whoever believes in one that is open answers 201 and stores nothing.

use std::path::PathBuf;

use tokio::process::Command;

use super::{Scene, Start, rounds};
use crate::process::Home;

/// What the file system of the data folder does: a library before the C library asks this file at each write.
struct Disk {
    control: PathBuf,
}

impl Disk {
    /// Compiles the library and prepares the server to be started with it.
    async fn under(start: &mut Start) -> Self {
        let folder = start.home.folder.clone();
        let library = folder.join("faulty_disk.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chat/faults/disk.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&library).args([source, "-ldl"]);
        let compiled = compiler.output().await.expect("a C compiler, which Rust links with");
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        let disk = Self { control: folder.join("disk") };
        disk.is("well", 0, 0);
        start.variables.extend([
            ("LD_PRELOAD", library.to_string_lossy().into_owned()),
            ("FAULTY_DISK", folder.join("data").to_string_lossy().into_owned()),
            ("FAULTY_DISK_IS", disk.control.to_string_lossy().into_owned()),
        ]);
        disk
    }

    /// From now on `percent` of all writes fail in this way: `full` (ENOSPC), `broken` (EIO), or `well`.
    fn is(&self, how: &str, percent: usize, seed: u64) {
        let next = self.control.with_extension("next");
        std::fs::write(&next, format!("{how} {percent} {seed}\n")).expect("the file is written");
        std::fs::rename(next, &self.control).expect("and takes its place at once");
    }
}

/// No write works: 503, and not ready. Then there is room: everything works, without a restart.
async fn is_full_and_has_room_again(scene: &Scene, fill: impl AsyncFn(), make_room: impl AsyncFn()) {
    fill().await;
    let refused = scene.town.ledger.refusals();
    scene.until("sends are refused", async || scene.town.ledger.refusals() >= refused + 50).await;
    scene.until("it is not ready", async || scene.ready(0).await == Some(503)).await;
    make_room().await;
    scene.more_are_acknowledged(100).await;
    scene.until("it is ready again", async || scene.ready(0).await == Some(200)).await;
}

/// The size that files may have is the room that there is. SQLite hears EFBIG, as of a failing disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_may_not_grow_lose_and_double_nothing_and_growing_again_they_take_messages() {
    let mut start = Start::at(Home::without_database());
    start.shell = "trap '' XFSZ; ulimit -S -f 40000".to_owned();
    start.padding = 2_000;
    let scene = Scene::begin("files at their limit", start).await;
    for _ in 0..rounds(1, 10) {
        is_full_and_has_room_again(
            &scene,
            async || limit_files(&scene, "100000").await,
            async || limit_files(&scene, "unlimited").await,
        )
        .await;
    }
    scene.end().await;
}

async fn limit_files(scene: &Scene, bytes: &str) {
    let process = format!("--pid={}", scene.process(0).id());
    let limited = Command::new("prlimit").args([&process, &format!("--fsize={bytes}:")]).status().await;
    assert!(limited.expect("util-linux").success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_loses_and_doubles_nothing_and_with_room_again_takes_messages() {
    let mut start = Start::at(Home::without_database());
    let disk = Disk::under(&mut start).await;
    let scene = Scene::begin("a full disk", start).await;
    for _ in 0..rounds(1, 20) {
        is_full_and_has_room_again(&scene, async || disk.is("full", 100, 1), async || disk.is("well", 0, 0)).await;
    }
    scene.end().await;
    // Only root can make a file system that is really full.
    if rounds(0, 1) == 1 && is_root().await {
        fills_a_small_file_system().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_now_and_then_loses_and_doubles_nothing() {
    let mut start = Start::at(Home::without_database());
    let disk = Disk::under(&mut start).await;
    let mut scene = Scene::begin("a failing disk", start).await;
    for round in 0..rounds(3, 60) {
        // A commit is some twenty writes: more than a few of a hundred would let next to none of them through.
        let (how, percent) = (["broken", "full"][round % 2], 1 + scene.dice.below(4));
        disk.is(how, percent, scene.dice.seed());
        scene.more_are_acknowledged(30).await;
        disk.is("well", 0, 0);
        scene.more_are_acknowledged(30).await;
    }
    scene.end().await;
}

/// A file system of 3 MB that is full for everybody, and grows.
async fn fills_a_small_file_system() {
    let mut start = Start::at(Home::without_database());
    start.padding = 1_000;
    let data = start.home.folder.join("data");
    std::fs::create_dir_all(&data).expect("a folder");
    let data = data.to_string_lossy().into_owned();
    mount(&["-t", "tmpfs", "-o", "size=3m", "tmpfs", &data]).await;
    let scene = Scene::begin("a small file system", start).await;
    // The senders fill it themselves.
    let make_room = async || mount(&["-o", "remount,size=512m", &data]).await;
    is_full_and_has_room_again(&scene, async || {}, make_room).await;
    scene.end().await;
    assert!(Command::new("umount").args(["-l", &data]).status().await.expect("umount").success());
}

async fn is_root() -> bool {
    Command::new("id").arg("-u").output().await.is_ok_and(|output| output.stdout == b"0\n")
}

async fn mount(arguments: &[&str]) {
    assert!(Command::new("mount").args(arguments).status().await.expect("mount").success());
}
