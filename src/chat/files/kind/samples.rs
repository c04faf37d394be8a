//! Small files of the formats that are looked into, made by hand for tests.

pub(super) fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in entries {
        let at = file.len() as u32;
        let (size, name_length) = ((bytes.len() as u32).to_le_bytes(), (name.len() as u16).to_le_bytes());
        let common = [&[20, 0, 0, 0, 0, 0][..], &[0; 8], &size, &size, &name_length, &[0, 0]].concat();
        file.extend([b"PK\x03\x04", &common[..], name.as_bytes(), bytes].concat());
        directory.extend([b"PK\x01\x02\x14\0", &common[..], &[0; 10], &at.to_le_bytes(), name.as_bytes()].concat());
    }
    let end = zip_end(entries.len(), directory.len() as u32, file.len() as u32);
    [file, directory, end].concat()
}

pub(super) fn zip_end(entries: usize, size: u32, at: u32) -> Vec<u8> {
    let count = (entries as u16).to_le_bytes();
    [b"PK\x05\x06\0\0\0\0", &count[..], &count, &size.to_le_bytes(), &at.to_le_bytes(), &[0, 0]].concat()
}

/// The list of types of an Office document whose main part has this one.
pub(super) fn types_list(main: &str) -> Vec<u8> {
    format!("<?xml version=\"1.0\"?><Types><Override PartName=\"/x.xml\" ContentType=\"{main}\"/></Types>").into_bytes()
}

/// A compound file with sectors of 512 bytes, whose directory holds a root and entries below it: a name, and those that
/// come before it, after it and below it. `filler` sectors of nothing stand before the table of chains.
pub(super) fn compound(entries: &[(&str, i32, i32, i32)], filler: u32) -> Vec<u8> {
    let entry = |name: &str, left: i32, right: i32, below: i32| {
        let mut bytes: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        bytes.resize(64, 0);
        bytes.extend([0, 0, 2, 1]);
        [left, right, below].iter().for_each(|index| bytes.extend(index.to_le_bytes()));
        bytes.resize(128, 0);
        bytes
    };
    let mut directory = entry("Root Entry", -1, -1, 1);
    entries.iter().for_each(|(name, left, right, below)| directory.extend(entry(name, *left, *right, *below)));
    directory.resize(directory.len().next_multiple_of(512), 0);
    let sectors = (directory.len() / 512) as u32;
    let (table_sectors, first) = ((filler + sectors).div_ceil(127), filler);
    let mut head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    head.resize(512, 0);
    head[30..32].copy_from_slice(&9_u16.to_le_bytes());
    head[48..52].copy_from_slice(&first.to_le_bytes());
    for part in 0..table_sectors.min(109) {
        let at = 76 + 4 * part as usize;
        head[at..at + 4].copy_from_slice(&(filler + sectors + part).to_le_bytes());
    }
    let mut table: Vec<u32> = (1..=filler + sectors).collect();
    table[(filler + sectors - 1) as usize] = u32::MAX - 1;
    table.resize(128 * table_sectors as usize, u32::MAX);
    let table: Vec<u8> = table.iter().flat_map(|next| next.to_le_bytes()).collect();
    // What the head has no room for stands in sectors of its own, behind the table.
    let behind: Vec<u32> = (109..table_sectors).map(|part| filler + sectors + part).collect();
    let first_behind = filler + sectors + table_sectors;
    head[68..72].copy_from_slice(&first_behind.to_le_bytes());
    let more = behind.chunks(127).zip(1..).flat_map(|(parts, next)| {
        let mut parts = parts.to_vec();
        parts.resize(127, u32::MAX);
        parts.into_iter().chain([first_behind + next]).flat_map(u32::to_le_bytes).collect::<Vec<u8>>()
    });
    let more: Vec<u8> = more.collect();
    [head, vec![0; 512 * filler as usize], directory, table, more].concat()
}

/// A box of MP4.
pub(super) fn mp4_box(name: &str, content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 8).to_be_bytes(), name.as_bytes(), content].concat()
}

/// The box of a film with tracks of these handlers.
pub(super) fn moov(handlers: &[&str]) -> Vec<u8> {
    let track = |handler: &&str| {
        let hdlr = mp4_box("hdlr", &[&[0; 8], handler.as_bytes(), &[0; 12]].concat());
        let mdia = [mp4_box("mdhd", &[0; 24]), hdlr].concat();
        mp4_box("trak", &[mp4_box("tkhd", &[0; 84]), mp4_box("mdia", &mdia)].concat())
    };
    mp4_box("moov", &[mp4_box("mvhd", &[0; 100]), handlers.iter().flat_map(track).collect()].concat())
}

/// An element of Matroska; without a length that is known, as recorders write them, for `None`.
pub(super) fn element(name: &[u8], content: Option<&[u8]>, rest: &[u8]) -> Vec<u8> {
    match content {
        Some(content) => {
            let length = (1_u64 << 56 | content.len() as u64).to_be_bytes();
            [name, &length, content, rest].concat()
        }
        None => [name, &[0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], rest].concat(),
    }
}

/// The beginning of Matroska of this kind with tracks of these types, as a recorder writes it.
pub(super) fn matroska(doc_type: &str, tracks: &[u8]) -> Vec<u8> {
    let ebml = element(b"\x1a\x45\xdf\xa3", Some(&element(b"\x42\x82", Some(doc_type.as_bytes()), b"")), b"");
    let entry = |kind: &u8| {
        let number = element(b"\xd7", Some(&[1]), b"");
        element(b"\xae", Some(&[number, element(b"\x83", Some(&[*kind]), b"")].concat()), b"")
    };
    let list: Vec<u8> = tracks.iter().flat_map(entry).collect();
    let info = element(b"\x15\x49\xa9\x66", Some(&[0xec, 0x81, 0]), b"");
    let body = [info, element(b"\x16\x54\xae\x6b", Some(&list), b""), element(b"\x1f\x43\xb6\x75", None, &[0; 40])];
    [ebml, element(b"\x18\x53\x80\x67", None, &body.concat())].concat()
}

/// A page of Ogg that begins a stream.
pub(super) fn ogg_page(flags: u8, packet: &[u8]) -> Vec<u8> {
    [b"OggS\0", &[flags][..], &[0; 20], &[1, packet.len() as u8], packet].concat()
}

/// The header of Windows Media with streams that are heard (0) or seen (1).
pub(super) fn asf(streams: &[u8]) -> Vec<u8> {
    let guid = |text: &str| hex::decode(text).unwrap();
    let object = |name: &str, content: &[u8]| {
        [guid(name), (content.len() as u64 + 24).to_le_bytes().to_vec(), content.to_vec()].concat()
    };
    let stream = |kind: &u8| match kind {
        0 => object("9107dcb7b7a9cf118ee600c00c205365", &guid("409e69f84d5bcf11a8fd00805f5c442b")),
        _ => object("9107dcb7b7a9cf118ee600c00c205365", &guid("c0ef19bc4d5bcf11a8fd00805f5c442b")),
    };
    let other = object("a1dcab8c47a9cf118ee400c00c205365", &[0; 80]);
    let objects: Vec<u8> = std::iter::once(other).chain(streams.iter().map(stream)).flatten().collect();
    object("3026b2758e66cf11a6d900aa0062ce6c", &[&[1, 0, 0, 0, 1, 2], &objects[..]].concat())
}
