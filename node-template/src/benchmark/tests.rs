mod bound;
mod relay;
mod usage;
