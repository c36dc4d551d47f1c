//! Everything goes wrong, in any order; nothing is ever written twice, and in the end everything is served.

mod event;
mod machinery;

use placement::{CopyState, Step, copies, plan};
use proptest::collection::vec;
use proptest::prelude::*;

use event::Event;
use machinery::Machinery;

proptest! {
    #[test]
    fn whatever_happens_one_writes_and_in_the_end_every_move_is_finished_and_every_database_served(
        numbers in vec(any::<(u8, u8, u8, u8)>(), 0..60)
    ) {
        let mut cluster = Machinery::new();
        for (kind, a, b, wait) in numbers {
            cluster.happen(Event::from_numbers(kind, a, b));
            for _ in 0..wait % 8 {
                cluster.second_passes()?;
            }
        }
        cluster.heal();
        for _ in 0..180 {
            cluster.second_passes()?;
        }
        rests(&cluster)?;
    }
}

/// Nothing is left to do, and all is served that can be.
fn rests(cluster: &Machinery) -> Result<(), TestCaseError> {
    let world = cluster.world();
    let left = plan(world, cluster.now());
    prop_assert_eq!(&left.steps, &Vec::<Step>::new());
    prop_assert!(world.records.moves.is_empty(), "moves without an outcome: {:?}", world.records.moves);
    prop_assert!(world.records.fences.is_empty(), "pending fences: {:?}", world.records.fences);
    for database in &world.topology.databases {
        let at = world.records.assignments.get(&database.name);
        let dismounted = at.is_some_and(|at| at.value.dismounted_for_good());
        let fit = copies(world)
            .iter()
            .any(|copy| copy.database == database.name && copy.state == CopyState::Healthy);
        let mounted = world.mounted_on(&database.name).is_some();
        prop_assert!(mounted || dismounted || !fit, "{} is not served: {:#?}", database.name, left);
    }
    Ok(())
}
