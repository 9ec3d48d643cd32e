// SPDX-License-Identifier: GPL-2.0

//! Headers that are too old give an error that names them, in place of a compiler error.

use std::{
    fs,
    path::{
        Path,
        PathBuf, //
    }, //
};

// dead_code: this test does not use all of the module.
#[allow(dead_code, missing_docs)]
#[path = "../headers.rs"]
mod headers;

use headers::{
    choose,
    named_by_user, //
};

const NEW: &str = "#define KFD_IOC_ALLOC_MEM_FLAGS_EXT_COHERENT\t(1 << 24)\n\
                   #define KFD_IOCTL_SVM_FLAG_EXT_COHERENT 0x80\n";

/// Makes a folder with KFD's headers; `ioctl` is the text of kfd_ioctl.h.
fn headers(folder: &Path, name: &str, ioctl: &str) -> PathBuf {
    let headers = folder.join(name);
    fs::create_dir_all(headers.join("linux")).unwrap();
    fs::write(headers.join("linux/kfd_sysfs.h"), "").unwrap();
    fs::write(headers.join("linux/kfd_ioctl.h"), ioctl).unwrap();
    headers
}

#[test]
fn the_first_that_is_new_enough_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("none");
    let old = headers(
        folder.path(),
        "old",
        "#define KFD_IOC_ALLOC_MEM_FLAGS_COHERENT 1",
    );
    let new = headers(folder.path(), "new", NEW);
    let newer = headers(folder.path(), "newer", NEW);
    let chosen = choose([none, old, new.clone(), newer]).unwrap();
    assert_eq!(chosen, new);
    assert_eq!(named_by_user(new.clone()).unwrap(), new);
}

#[test]
fn old_ones_are_named() {
    let folder = tempfile::tempdir().unwrap();
    // The second name appears only as the start of a longer name.
    let nearly = NEW.replace("SVM_FLAG_EXT_COHERENT", "SVM_FLAG_EXT_COHERENT_OTHER");
    for (text, lacks) in [
        ("", "KFD_IOC_ALLOC_MEM_FLAGS_EXT_COHERENT"),
        (&nearly, "KFD_IOCTL_SVM_FLAG_EXT_COHERENT"),
    ] {
        let old = headers(folder.path(), "old", text);
        for error in [choose([old.clone()]), named_by_user(old.clone())] {
            let said = error.unwrap_err().to_string();
            for word in [
                &*format!(
                    "The kernel headers in {} are older than Linux 6.7: they have no {lacks}.",
                    old.display()
                ),
                "make provision",
                "apt install -t bookworm-backports linux-libc-dev",
                "KFD_UAPI_HEADERS",
            ] {
                assert!(said.contains(word), "{word} is not in {said}");
            }
        }
    }
}

#[test]
fn none_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let said = choose([folder.path().to_owned()]).unwrap_err().to_string();
    assert!(
        said.contains("no kernel headers with linux/kfd_sysfs.h"),
        "{said}"
    );
    let said = named_by_user(folder.path().to_owned())
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("there is no linux/kfd_sysfs.h in it"),
        "{said}"
    );
}
