#![no_main]

humanllm_fuzz::target!(keyboard);
