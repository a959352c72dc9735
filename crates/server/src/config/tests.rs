//! What stands where several places say something.

use super::*;
use crate::cli::Cli;
use clap::Parser;

fn given(words: &[&str]) -> ServeArgs {
    Cli::try_parse_from([&["narumq"], words].concat()).unwrap().serve
}

pub(super) fn merged(words: &[&str], file: &str) -> Result<Config, ConfigError> {
    let config = Config::merge(given(words), File::parse(file).unwrap())?;
    config.check()?;
    Ok(config)
}

fn sockets(addresses: &[Address]) -> Vec<String> {
    addresses.iter().map(|a| a.socket.to_string()).collect()
}

#[test]
fn defaults_are_this_machine_and_the_disk() {
    let config = merged(&[], "").unwrap();
    assert_eq!(config.data_dir, PathBuf::from("narumq-data"));
    assert_eq!(sockets(&config.amqp), ["127.0.0.1:5672", "[::1]:5672"]);
    assert_eq!(sockets(&config.http), ["127.0.0.1:15672", "[::1]:15672"]);
    assert_eq!(sockets(&config.kafka), ["127.0.0.1:9092", "[::1]:9092"]);
    assert!(!config.amqp[0].optional && config.amqp[1].optional);
    assert_eq!((config.durability, config.identity), (Durability::Fsync, Identity::Compatible));
    assert_eq!((config.heartbeat, config.message_size_max, config.disk_reserve), (60, 128 << 20, None));
    assert_eq!(config.compaction_interval, None);
    assert!(config.workers >= 1 && config.memory_limit >= 64 << 20);
}

#[test]
fn the_command_line_stands_over_the_file_and_the_file_over_defaults() {
    let file = "data-dir = '/a'\nheartbeat = 5\nworkers = 7\ndurability = 'os'\namqp = [1111, '127.0.0.1:2222']\n\
                http = 'off'\nmemory-limit = '1GiB'\ndisk-reserve = 5\nlog-level = 'debug'\nkafka = 'off'\n\
                amqp-product = 'narumq'\ncompaction-interval = 70\n";
    let from_file = merged(&[], file).unwrap();
    assert_eq!(from_file.data_dir, PathBuf::from("/a"));
    assert_eq!((from_file.heartbeat, from_file.workers, from_file.durability), (5, 7, Durability::Os));
    assert_eq!((from_file.memory_limit, from_file.disk_reserve), (1 << 30, Some(5)));
    assert_eq!(sockets(&from_file.amqp), ["127.0.0.1:1111", "[::1]:1111", "127.0.0.1:2222"]);
    assert_eq!((from_file.http.len(), from_file.log_level), (0, Level::Debug));
    assert_eq!(from_file.identity, Identity::Own);
    assert_eq!(from_file.compaction_interval.map(u64::from), Some(70));
    let words = ["--heartbeat", "9", "--amqp", "127.0.0.1:0", "--durability", "fsync", "--amqp-product", "rabbitmq"];
    let over = merged(&words, file).unwrap();
    assert_eq!((over.heartbeat, over.workers, over.durability), (9, 7, Durability::Fsync));
    assert_eq!(over.identity, Identity::Compatible);
    assert_eq!(sockets(&over.amqp), ["127.0.0.1:0"]);
}

#[test]
fn a_file_with_a_word_that_nobody_knows_is_refused_with_its_line() {
    let error = File::parse("heartbeat = 5\nhartbeat = 6\n").unwrap_err();
    assert!(error.starts_with("line 2: ") && error.contains("hartbeat"), "{error}");
    let wrong = [
        "amqp = true",
        "memory-limit = '1 elephant'",
        "kafka = true",
        "sqs = '1'",
        "workers = -1",
        "compaction-interval = 0",
        "=",
    ];
    for text in wrong {
        let error = File::parse(text).unwrap_err();
        assert!(error.starts_with("line 1: ") && !error.contains('\n'), "{error}");
    }
}

#[test]
fn what_makes_no_sense_together_is_refused() {
    assert!(matches!(merged(&["--amqp", "off", "--amqp", "1"], ""), Err(ConfigError::OffAndOn("amqp"))));
    let none = ["--amqp", "off", "--http", "off", "--kafka", "off"];
    assert!(matches!(merged(&none, ""), Err(ConfigError::NoDoor)));
    assert!(matches!(merged(&[], "workers = 65"), Err(ConfigError::Workers(65))));
    assert!(matches!(merged(&["--message-size-max", "1GiB"], ""), Err(ConfigError::MessageSizeMax(_))));
    assert!(matches!(merged(&["--message-size-max", "0"], ""), Err(ConfigError::MessageSizeMax(0))));
}

#[test]
fn other_machines_are_let_in_only_if_told_so_in_words() {
    for door in ["--amqp", "--http", "--kafka"] {
        for address in ["0.0.0.0:5672", "[::]:5672", "192.0.2.7:5672"] {
            let error = merged(&[door, address], "").unwrap_err();
            assert!(matches!(error, ConfigError::Exposed { .. }));
            assert!(error.to_string().contains("--allow-default-credentials"), "{error}");
            assert!(merged(&[door, address, "--allow-default-credentials"], "").is_ok());
            assert!(merged(&[door, address], "allow-default-credentials = true").is_ok());
        }
        assert!(merged(&[door, "127.0.0.2:5672"], "").is_ok());
    }
}

#[test]
fn the_same_address_twice_is_one() {
    let config = merged(&["--amqp", "5672", "--amqp", "127.0.0.1:5672", "--amqp", ":5672"], "").unwrap();
    assert_eq!(config.amqp.len(), 2);
}
