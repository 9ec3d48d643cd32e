//! KFD UAPI bindings.
