#![no_main]

humanllm_fuzz::target!(events);
