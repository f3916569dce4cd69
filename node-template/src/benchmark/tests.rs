mod bound;
mod ground;
mod meter;
mod relay;
mod usage;
