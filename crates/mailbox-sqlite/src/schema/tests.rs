use super::*;

fn file() -> (tempfile::TempDir, std::path::PathBuf, Connection) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("mail.sqlite");
    let connection = Connection::open(&file).unwrap();
    (directory, file, connection)
}

#[test]
fn an_older_file_is_brought_to_the_newest_version_step_by_step() {
    let (_directory, file, mut connection) = file();
    let steps = ["CREATE TABLE a (x)", "ALTER TABLE a ADD COLUMN y", "INSERT INTO a VALUES (1, 2)"];
    run(&mut connection, &file, &steps[..1]).unwrap();
    assert_eq!(version(&connection).unwrap(), 1);
    run(&mut connection, &file, &steps).unwrap();
    assert_eq!(version(&connection).unwrap(), 3);
    run(&mut connection, &file, &steps).unwrap();
    let rows: u32 = connection.query_row("SELECT count(*) FROM a", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 1, "a step is taken once");
}

#[test]
fn a_step_that_fails_leaves_the_file_as_it_was() {
    let (_directory, file, mut connection) = file();
    let steps = ["CREATE TABLE a (x)", "CREATE TABLE b (x); CREATE TABLE a (x)"];
    assert!(matches!(run(&mut connection, &file, &steps), Err(DatabaseError::Sqlite { .. })));
    assert_eq!(version(&connection).unwrap(), 1);
    run(&mut connection, &file, &["", "CREATE TABLE b (x)"]).unwrap();
}

#[test]
fn a_newer_file_is_refused_with_both_versions() {
    let (_directory, file, mut connection) = file();
    connection.execute_batch("PRAGMA user_version = 7").unwrap();
    let refused = run(&mut connection, &file, &["", ""]).unwrap_err();
    assert!(matches!(refused, DatabaseError::TooNew { found: 7, known: 2, .. }), "{refused}");
}

#[test]
fn chunks_of_one_message_lie_behind_each_other_and_before_the_next() {
    let (one, next) = (Uid::new(1), Uid::new(2));
    assert_eq!(chunk_place(one, 0) + 1, chunk_place(one, 1));
    assert!(chunk_place(one, (1 << CHUNK_BITS) - 1) < chunk_place(next, 0));
    assert!(chunk_place(Uid::new((1 << 43) - 1), 0) > 0);
}
