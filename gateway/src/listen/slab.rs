//! Places for sessions: found by index, used again, and never mistaken for one another.

/// Names one occupant of a [`Slab`]. After it has gone, the key finds nothing.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Key {
    index: u32,
    generation: u32,
}

/// A vector whose places are used again. Each use has a generation of its own, so that a key kept in a
/// timer or a list does not reach the next occupant.
#[derive(Debug)]
pub(super) struct Slab<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Place<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Slab<T> {
    pub(super) fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }

    /// Adds an occupant. The caller bounds their number.
    pub(super) fn insert(&mut self, value: T) -> Key {
        if let Some(index) = self.free.pop()
            && let Some(place) = self.places.get_mut(index as usize)
        {
            place.value = Some(value);
            return Key { index, generation: place.generation };
        }
        let index = u32::try_from(self.places.len()).expect("sessions are bounded far below 2^32");
        self.places.push(Place { generation: 0, value: Some(value) });
        Key { index, generation: 0 }
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let place = self.places.get_mut(key.index as usize)?;
        if place.generation == key.generation { place.value.as_mut() } else { None }
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<T> {
        let place = self.places.get_mut(key.index as usize).filter(|p| p.generation == key.generation)?;
        let value = place.value.take()?;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(key.index);
        Some(value)
    }

    /// All that are here.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().filter_map(|place| place.value.as_ref())
    }

    /// How many are here.
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// All keys, for the one moment when everybody must go.
    pub(super) fn keys(&self) -> Vec<Key> {
        let live = self.places.iter().zip(0..).filter(|(place, _)| place.value.is_some());
        live.map(|(place, index)| Key { index, generation: place.generation }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_key_does_not_find_the_next_occupant() {
        let mut slab = Slab::new();
        let alice = slab.insert("alice");
        let bob = slab.insert("bob");
        assert_eq!(slab.remove(alice), Some("alice"));
        let carol = slab.insert("carol");

        assert_eq!(slab.places.len(), 2, "the place is used again");
        assert_eq!(slab.get_mut(alice), None);
        assert_eq!(slab.remove(alice), None);
        assert_eq!(slab.get_mut(bob), Some(&mut "bob"));
        assert_eq!(slab.get_mut(carol), Some(&mut "carol"));
        assert_eq!((slab.len(), slab.keys()), (2, vec![carol, bob]));
    }

    #[test]
    fn nobody_leaves_twice() {
        let mut slab = Slab::new();
        let key = slab.insert(());
        assert_eq!(slab.remove(key), Some(()));
        assert_eq!(slab.remove(key), None);
        assert_eq!(slab.len(), 0);
        // Were the place free twice, these two would share it.
        assert_ne!(slab.insert(()), slab.insert(()));
    }
}
