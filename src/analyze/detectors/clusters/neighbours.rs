//! Which points lie near a place: a tree of boxes over the points that are clustered.
//!
//! linfa's DBSCAN asks whatever index it is given. This one compares whole numbers, so that no
//! rounding decides who is a neighbour, and knows how many rows a point stands for: thousands of
//! equal rows cost as much as one.

use std::iter::repeat_n;
use std::ops::Range;
use std::sync::Arc;

use linfa::Float;
use linfa_nn::distance::Distance;
use linfa_nn::{BuildError, NearestNeighbour, NearestNeighbourIndex, NnError};
use ndarray::{ArrayBase, ArrayView1, ArrayView2, Data, Ix2};

use super::points::Points;

/// Points that are compared one by one rather than split further.
const LEAF: usize = 16;

/// Coordinates that the processor compares at once; those of a point are filled up with zeros to a
/// multiple of them.
const LANES: usize = 8;

/// Points in a tree. A member is a place in the list of points that the tree was made of.
#[derive(Debug)]
pub(super) struct Tree {
    columns: usize,
    /// The members, those of a leaf side by side.
    members: Vec<u32>,
    /// Their coordinates, in the same order.
    steps: Vec<Lanes>,
    /// How many rows each member stands for, by its number.
    weights: Vec<u32>,
    nodes: Vec<Node>,
    /// The lowest and the highest coordinates of every node.
    boxes: Vec<Lanes>,
}

/// Some coordinates of a point, those of one column each.
type Lanes = [i16; LANES];

/// A box of points: two smaller ones, of which the first is the next node, or a leaf.
#[derive(Debug)]
struct Node {
    /// Places in the tree's list of members.
    places: Range<usize>,
    second: Option<usize>,
    /// The group that all its members are in.
    group: Option<u32>,
}

/// What is searched for.
struct Search<'a, F> {
    here: &'a [Lanes],
    /// Boxes of which all members are in this group are left out.
    group: Option<u32>,
    limit: i64,
    /// Is given a member and its distance, and gives the limit from there on.
    found: F,
}

impl<F> Search<'_, F> {
    fn leaves_out(&self, node: &Node) -> bool {
        self.group.is_some() && node.group == self.group
    }
}

impl Tree {
    /// Of some points; each is taken to stand for no more than `most` rows.
    pub(super) fn new(points: &Points, chosen: &[usize], most: u32) -> Self {
        let mut tree = Self {
            columns: points.columns(),
            members: (0..chosen.len() as u32).collect(),
            steps: Vec::new(),
            weights: chosen.iter().map(|point| points.weights[*point].min(most)).collect(),
            nodes: Vec::new(),
            boxes: Vec::new(),
        };
        let coordinates = |member: &u32| points.get(chosen[*member as usize]);
        if !chosen.is_empty() {
            tree.split(0..chosen.len(), &coordinates);
        }
        let steps = tree.members.iter().flat_map(|member| in_lanes(coordinates(member))).collect();
        Self { steps, ..tree }
    }

    /// The tree, knowing the group of every member.
    pub(super) fn grouped(mut self, groups: &[u32]) -> Self {
        for node in &mut self.nodes {
            let mut of_members =
                self.members[node.places.clone()].iter().map(|member| groups[*member as usize]);
            let first = of_members.next();
            node.group = first.filter(|first| of_members.all(|group| group == *first));
        }
        self
    }

    /// How many groups of coordinates a point has.
    fn width(&self) -> usize {
        self.columns.div_ceil(LANES)
    }

    /// Makes the node of some members, and those below it.
    fn split<'a>(&mut self, places: Range<usize>, coordinates: &impl Fn(&u32) -> &'a [i16]) {
        let node = self.nodes.len();
        let column = self.add_box(&places, coordinates);
        self.nodes.push(Node { places: places.clone(), second: None, group: None });
        let Some(column) = column.filter(|_| places.len() > LEAF) else { return };
        let middle = places.len() / 2;
        self.members[places.clone()]
            .select_nth_unstable_by_key(middle, |member| (coordinates(member)[column], *member));
        let middle = places.start + middle;
        self.split(places.start..middle, coordinates);
        self.nodes[node].second = Some(self.nodes.len());
        self.split(middle..places.end, coordinates);
    }

    /// Adds the box of some members, and gives the column in which it is widest; none if it has no
    /// width.
    fn add_box<'a>(
        &mut self,
        places: &Range<usize>,
        coordinates: &impl Fn(&u32) -> &'a [i16],
    ) -> Option<usize> {
        let (mut low, mut high) = (vec![i16::MAX; self.columns], vec![i16::MIN; self.columns]);
        for member in &self.members[places.clone()] {
            for ((low, high), step) in low.iter_mut().zip(&mut high).zip(coordinates(member)) {
                (*low, *high) = ((*low).min(*step), (*high).max(*step));
            }
        }
        let width = |column: &usize| i32::from(high[*column]) - i32::from(low[*column]);
        let widest = (0..self.columns).max_by_key(width).filter(|column| width(column) > 0);
        self.boxes.extend(in_lanes(&low));
        self.boxes.extend(in_lanes(&high));
        widest
    }

    /// Hands over every member nearer than `limit` (a square, in steps) with its distance. The
    /// answer is the limit from there on.
    pub(super) fn search(&self, here: &[i16], limit: i64, found: impl FnMut(u32, i64) -> i64) {
        self.search_beside(None, here, limit, found);
    }

    /// As [`Tree::search`], but for boxes in which all are in one group: who wants to know of others
    /// need not look there.
    pub(super) fn search_beside(
        &self,
        group: Option<u32>,
        here: &[i16],
        limit: i64,
        found: impl FnMut(u32, i64) -> i64,
    ) {
        let here: Vec<Lanes> = in_lanes(here).collect();
        let mut search = Search { here: &here, group, limit, found };
        if !self.nodes.is_empty() && !search.leaves_out(&self.nodes[0]) {
            self.visit(0, &mut search);
        }
    }

    fn visit<F: FnMut(u32, i64) -> i64>(&self, node: usize, search: &mut Search<'_, F>) {
        let Some(second) = self.nodes[node].second else {
            for place in self.nodes[node].places.clone() {
                let steps = &self.steps[place * self.width()..][..self.width()];
                let apart = search.here.iter().zip(steps).map(|(a, b)| apart_squared(a, b)).sum();
                if apart < search.limit {
                    search.limit = (search.found)(self.members[place], apart);
                }
            }
            return;
        };
        // The nearer first, as that may make the other needless.
        let [first, second] = [node + 1, second].map(|node| (self.distance_to_box(node, search.here), node));
        let below = if second.0 < first.0 { [second, first] } else { [first, second] };
        for (apart, node) in below {
            if apart < search.limit && !search.leaves_out(&self.nodes[node]) {
                self.visit(node, search);
            }
        }
    }

    /// Square of the distance to the nearest place of a box.
    fn distance_to_box(&self, node: usize, here: &[Lanes]) -> i64 {
        let width = self.width();
        let (low, high) = self.boxes[node * 2 * width..][..2 * width].split_at(width);
        let outside = |((here, low), high): ((&Lanes, &Lanes), &Lanes)| {
            let nearest = std::array::from_fn(|at| here[at].max(low[at]).min(high[at]));
            apart_squared(here, &nearest)
        };
        here.iter().zip(low).zip(high).map(outside).sum()
    }

    /// The nearest members, so many that they stand for at least `rows` rows, nearest first; all
    /// if these are fewer. With the squares of their distances, in steps.
    pub(super) fn nearest(&self, here: &[i16], rows: u32) -> Vec<(i64, u32)> {
        let mut near: Vec<(i64, u32)> = Vec::new();
        let mut standing_for = 0_u64;
        self.search(here, i64::MAX, |member, apart| {
            let at = near.partition_point(|other| *other < (apart, member));
            near.insert(at, (apart, member));
            standing_for += u64::from(self.weights[member as usize]);
            while let Some((_, last)) = near.last() {
                let without_last = standing_for - u64::from(self.weights[*last as usize]);
                if without_last < u64::from(rows) {
                    break;
                }
                standing_for = without_last;
                near.pop();
            }
            match near.last() {
                // One that is as far may have a lower number.
                Some((farthest, _)) if standing_for >= u64::from(rows) => farthest + 1,
                _ => i64::MAX,
            }
        });
        near
    }
}

/// Coordinates in groups, the last of which is filled up with zeros.
fn in_lanes(coordinates: &[i16]) -> impl Iterator<Item = Lanes> {
    coordinates.chunks(LANES).map(|some| std::array::from_fn(|at| some.get(at).copied().unwrap_or(0)))
}

/// Square of the distance in some columns; coordinates are small enough for it.
fn apart_squared(a: &Lanes, b: &Lanes) -> i64 {
    let mut sum = 0;
    for at in 0..LANES {
        let apart = i32::from(a[at].wrapping_sub(b[at]));
        sum += apart * apart;
    }
    i64::from(sum)
}

/// A tree as linfa takes an index: for the matrix of its members' coordinates, in steps, in the
/// order of their numbers. The distance is Euclid's.
#[derive(Debug)]
pub(super) struct Index(pub(super) Arc<Tree>);

struct Lookup<'a, F> {
    tree: Arc<Tree>,
    members: ArrayView2<'a, F>,
}

impl NearestNeighbour for Index {
    fn from_batch_with_leaf_size<'a, F: Float, DT: Data<Elem = F>, D: 'a + Distance<F>>(
        &self,
        batch: &'a ArrayBase<DT, Ix2>,
        _leaf_size: usize,
        _distance: D,
    ) -> Result<Box<dyn 'a + Send + Sync + NearestNeighbourIndex<F>>, BuildError> {
        Ok(Box::new(Lookup { tree: Arc::clone(&self.0), members: batch.view() }))
    }
}

impl<F: Float> Lookup<'_, F> {
    fn steps(&self, point: ArrayView1<'_, F>) -> Result<Vec<i16>, NnError> {
        let steps: Option<Vec<i16>> = point.iter().map(F::to_i16).collect();
        steps.filter(|steps| steps.len() == self.tree.columns).ok_or(NnError::WrongDimension)
    }

    fn member(&self, member: u32) -> (ArrayView1<'_, F>, usize) {
        (self.members.row(member as usize), member as usize)
    }
}

impl<F: Float> NearestNeighbourIndex<F> for Lookup<'_, F> {
    fn k_nearest(
        &self,
        point: ArrayView1<'_, F>,
        k: usize,
    ) -> Result<Vec<(ArrayView1<'_, F>, usize)>, NnError> {
        let near = self.tree.nearest(&self.steps(point)?, k as u32);
        Ok(near.into_iter().map(|(_, member)| self.member(member)).collect())
    }

    /// Each member once, and the nearest, which is the point itself, once more for every row beyond
    /// that: linfa counts what it is given, and follows each only once.
    fn within_range(
        &self,
        point: ArrayView1<'_, F>,
        range: F,
    ) -> Result<Vec<(ArrayView1<'_, F>, usize)>, NnError> {
        let limit = (range * range).floor().to_i64().map_or(i64::MAX, |square| square.saturating_add(1));
        let (mut near, mut rows, mut itself) = (Vec::new(), 0, None);
        self.tree.search(&self.steps(point)?, limit, |member, apart| {
            near.push(self.member(member));
            rows += self.tree.weights[member as usize] as usize;
            itself = itself.or((apart == 0).then_some(member));
            limit
        });
        let more = rows.saturating_sub(near.len());
        near.extend(itself.into_iter().flat_map(|member| repeat_n(self.member(member), more)));
        Ok(near)
    }
}

#[cfg(test)]
mod tests {
    use super::super::points::distance_squared;
    use super::*;
    use crate::model::features::InMemory;

    /// Points in three columns, of which some are equal.
    fn points(rows: u32) -> Points {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % 19
        };
        let values: Vec<f32> = (0..3 * rows).map(|_| next() as f32).collect();
        Points::new(&InMemory { values: &values, columns: 3 })
    }

    /// Every point with its distance from another, nearest first.
    fn by_distance(points: &Points, here: usize) -> Vec<(i64, u32)> {
        let apart = |other| distance_squared(points.get(here), points.get(other));
        let mut all: Vec<_> = (0..points.len()).map(|other| (apart(other), other as u32)).collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn a_search_finds_what_comparing_with_every_point_finds() {
        let points = points(2_000);
        let tree = Tree::new(&points, &(0..points.len()).collect::<Vec<_>>(), u32::MAX);
        for here in (0..points.len()).step_by(37) {
            let all = by_distance(&points, here);
            for limit in [0, 1, 150, 5_000] {
                let mut found = Vec::new();
                tree.search(points.get(here), limit, |member, apart| {
                    found.push((apart, member));
                    limit
                });
                found.sort_unstable();
                let expected: Vec<_> = all.iter().copied().filter(|(apart, _)| *apart < limit).collect();
                assert_eq!(found, expected, "limit {limit}");
            }
        }
    }

    #[test]
    fn the_nearest_are_as_many_as_stand_for_so_many_rows() {
        let points = points(3_000);
        let tree = Tree::new(&points, &(0..points.len()).collect::<Vec<_>>(), u32::MAX);
        for here in (0..points.len()).step_by(53) {
            let mut rows = 0;
            let expected: Vec<_> = by_distance(&points, here)
                .into_iter()
                .take_while(|(_, other)| {
                    let are_needed = rows < 7;
                    rows += points.weights[*other as usize];
                    are_needed
                })
                .collect();
            assert_eq!(tree.nearest(points.get(here), 7), expected);
        }
        assert_eq!(tree.nearest(points.get(0), u32::MAX).len(), points.len());
    }

    #[test]
    fn points_that_are_all_the_same_and_no_points_are_a_tree() {
        let same = Points::new(&InMemory { values: &[2.0; 40], columns: 2 });
        assert_eq!(Tree::new(&same, &[0], 5).nearest(same.get(0), 5), [(0, 0)]);
        assert_eq!(Tree::new(&same, &[], 5).nearest(same.get(0), 5), []);
    }
}
