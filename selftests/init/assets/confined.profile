abi <abi/3.0>,

# A root reader that may read every file it can name. It may not open what lies
# outside of its mount namespace, as no profile may without attach_disconnected.
profile rdna1-confined {
  capability,
  /** rw,
  / r,
}
