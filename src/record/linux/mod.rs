//! Linux: sockets by netlink, owners and process facts from `/proc`.

mod cgroups;
mod container;
mod diag;
mod events;
mod file_hash;
mod hash_queue;
mod hashes;
mod host;
mod ids;
mod message;
mod namespaces;
mod netlink;
mod newcomers;
mod other_sockets;
mod owners;
mod packets;
mod proc;
mod processes;
mod scan;
mod stat;
mod turns;
mod users;
mod ways;

pub(super) use host::LinuxHost;
