SELECT version FROM config_version
