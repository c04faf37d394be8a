//! Which file of the sources uses which: read from the syntax, through re-exports to where a name is defined.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree, Visibility};

/// A path of names, such as `chat::log::head`.
type Names = Vec<String>;

/// The sources of a crate, by module.
pub struct Sources {
    modules: BTreeMap<Names, Module>,
}

struct Module {
    file: String,
    /// What its paths begin with: a local name, and what it stands for.
    aliases: BTreeMap<String, Names>,
    /// Names that it hands on, and what they stand for.
    exports: BTreeMap<String, Names>,
    /// Every path that it names.
    paths: Vec<Names>,
}

impl Sources {
    /// Reads the crate whose root folder this is.
    pub fn read(root: &Path) -> Self {
        let mut modules = BTreeMap::new();
        read_folder(root, root, &mut modules);
        Self { modules }
    }

    /// Which files each file uses, itself left out.
    pub fn uses(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut uses: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (names, module) in &self.modules {
            let used = module.paths.iter().filter_map(|path| self.defined_in(&self.absolute(names, path)?, 0));
            let used = used.filter(|file| *file != module.file).collect();
            uses.insert(&module.file, used);
        }
        uses
    }

    /// Which file of another room a file hands on a name of.
    pub fn hands_on(&self) -> Vec<(&str, &str)> {
        let mut handed = Vec::new();
        for (names, module) in &self.modules {
            let targets = module.exports.values().filter_map(|path| self.absolute_without_aliases(names, path));
            handed.extend(targets.filter_map(|path| Some((module.file.as_str(), self.defined_in(&path, 0)?))));
        }
        handed
    }

    /// The circles among the files: groups in which every file uses every other, directly or through others.
    pub fn circles(&self) -> Vec<BTreeSet<&str>> {
        let uses = self.uses();
        let reached: BTreeMap<&str, BTreeSet<&str>> = uses.keys().map(|file| (*file, reachable(&uses, file))).collect();
        let mut circles: BTreeSet<BTreeSet<&str>> = BTreeSet::new();
        for (file, from_here) in &reached {
            let circle = from_here.iter().filter(|other| reached[*other].contains(file));
            circles.insert(circle.copied().collect());
        }
        circles.into_iter().filter(|circle| circle.len() > 1).collect()
    }

    /// A path as it reads from the root of the crate; none where it leads out of the crate.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<Names> {
        let (first, rest) = path.split_first()?;
        let onto = |base: &[String], rest: &[String]| Some([base, rest].concat());
        match first.as_str() {
            "crate" => onto(&[], rest),
            "self" => self.absolute_below(module, rest),
            "super" => {
                let above = module.split_last()?.1;
                if rest.first().is_some_and(|next| next == "super") {
                    return self.absolute(above, rest);
                }
                onto(above, rest)
            }
            name => match self.modules[module].aliases.get(name) {
                Some(target) if target.first().is_some_and(|first| first != name) || target.len() > 1 => {
                    let target = self.absolute_without_aliases(module, target)?;
                    onto(&target, rest)
                }
                _ => self.absolute_below(module, path),
            },
        }
    }

    fn absolute_below(&self, module: &[String], path: &[String]) -> Option<Names> {
        let below = [module, &path[..1.min(path.len())]].concat();
        let is_here = self.modules.contains_key(&below);
        is_here.then(|| [module, path].concat())
    }

    fn absolute_without_aliases(&self, module: &[String], path: &[String]) -> Option<Names> {
        match path.first()?.as_str() {
            "crate" | "self" | "super" => self.absolute(module, path),
            _ => self.absolute_below(module, path),
        }
    }

    /// The file that defines what an absolute path names; none for a module as such.
    fn defined_in(&self, path: &[String], depth: usize) -> Option<&str> {
        let known = (0..=path.len()).rev().find(|length| self.modules.contains_key(&path[..*length]))?;
        let (module, rest) = path.split_at(known);
        let name = rest.first()?;
        let module_of = &self.modules[module];
        if let Some(target) = module_of.exports.get(name).filter(|_| depth < 8) {
            let target = self.absolute_without_aliases(module, target)?;
            if target != path[..=known] {
                return self.defined_in(&[&target, &rest[1..]].concat(), depth + 1);
            }
        }
        Some(&module_of.file)
    }
}

fn reachable<'f>(uses: &BTreeMap<&'f str, BTreeSet<&'f str>>, from: &'f str) -> BTreeSet<&'f str> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![from];
    while let Some(file) = waiting.pop() {
        for next in uses.get(file).into_iter().flatten() {
            if reached.insert(*next) {
                waiting.push(next);
            }
        }
    }
    reached
}

fn read_folder(root: &Path, folder: &Path, modules: &mut BTreeMap<Names, Module>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        let inside = entry.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
        if entry.is_dir() {
            read_folder(root, &entry, modules);
        } else if let Some(module) = inside.strip_suffix(".rs").filter(|name| !name.ends_with("tests")) {
            let mut names: Names = module.split('/').map(str::to_owned).collect();
            if names.last().is_some_and(|last| last == "mod" || last == "lib") {
                names.pop();
            }
            let text = fs::read_to_string(&entry).expect("UTF-8");
            let module = Module::parse(inside, &text);
            modules.entry(names).or_insert(module);
        }
    }
}

impl Module {
    fn parse(file: String, text: &str) -> Self {
        let syntax = syn::parse_file(text).unwrap_or_else(|cause| panic!("{file}: {cause}"));
        let mut module = Self { file, aliases: BTreeMap::new(), exports: BTreeMap::new(), paths: Vec::new() };
        for item in syntax.items.iter().filter(|item| !is_test(item)) {
            module.visit_item(item);
        }
        module
    }

    fn import(&mut self, tree: &UseTree, prefix: &[String], is_export: bool) {
        let with = |name: &syn::Ident| [prefix, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.import(&path.tree, &with(&path.ident), is_export),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(tree, prefix, is_export)),
            UseTree::Name(name) if name.ident == "self" => {
                let last = prefix.last().cloned().unwrap_or_default();
                self.name(last, prefix.to_vec(), is_export);
            }
            UseTree::Name(name) => self.name(name.ident.to_string(), with(&name.ident), is_export),
            UseTree::Rename(rename) if rename.ident == "self" => {
                self.name(rename.rename.to_string(), prefix.to_vec(), is_export);
            }
            UseTree::Rename(rename) => self.name(rename.rename.to_string(), with(&rename.ident), is_export),
            UseTree::Glob(_) => self.paths.push(prefix.to_vec()),
        }
    }

    fn name(&mut self, name: String, target: Names, is_export: bool) {
        if is_export {
            self.exports.insert(name.clone(), target.clone());
        } else {
            self.paths.push(target.clone());
        }
        self.aliases.insert(name, target);
    }

    /// Paths within a macro's own syntax, where there is no other to read.
    fn scan(&mut self, tokens: TokenStream) {
        let mut path = Names::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) if colons == 2 || path.is_empty() => {
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    self.paths.push(std::mem::take(&mut path));
                    colons = 0;
                    match other {
                        TokenTree::Group(group) => self.scan(group.stream()),
                        TokenTree::Ident(name) => path.push(name.to_string()),
                        _ => {}
                    }
                }
            }
        }
        self.paths.push(path);
    }
}

impl<'ast> Visit<'ast> for Module {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.import(&item.tree, &[], !matches!(item.vis, Visibility::Inherited));
    }

    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.paths.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.scan(called.tokens.clone());
        visit::visit_macro(self, called);
    }
}

fn is_test(item: &Item) -> bool {
    let attributes: &[Attribute] = match item {
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        _ => &[],
    };
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|flag| flag.is_ident("test"))
    })
}

#[test]
fn a_circle_through_a_re_export_is_found() {
    let folder = std::env::temp_dir().join(format!("confab_imports_{}", std::process::id()));
    fs::create_dir_all(folder.join("room")).unwrap();
    for (file, text) in [
        ("lib.rs", "mod room; mod other;"),
        ("room/mod.rs", "mod inner; pub use inner::Thing;"),
        ("room/inner.rs", "use crate::other; pub struct Thing; fn work() { other::help() }"),
        ("other.rs", "use crate::room::Thing; pub fn help() { let _ = Thing; }"),
        ("alone.rs", "use crate::room; fn use_it() -> room::Thing { todo!() }"),
    ] {
        fs::write(folder.join(file), text).unwrap();
    }
    let sources = Sources::read(&folder);
    assert_eq!(sources.circles(), [BTreeSet::from(["other.rs", "room/inner.rs"])]);
    assert_eq!(sources.uses()["alone.rs"], BTreeSet::from(["room/inner.rs"]));
    fs::remove_dir_all(folder).ok();
}
