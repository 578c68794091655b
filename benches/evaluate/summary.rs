//! The tables that an evaluation prints.

use std::collections::BTreeMap;

use netrec::model::finding::Severity;

use crate::examine::{Best, Examined, Found, Score};

/// A row per malicious behavior of a set.
pub(crate) fn print_rows(examined: &Examined) {
    for found in &examined.behaviours {
        let best = found.right.as_ref().or(found.any.as_ref());
        let mark = match (&found.right, best.and_then(|best| best.is_named)) {
            (None, _) => "(another detector) ",
            (Some(_), Some(false)) => "(program not named) ",
            _ => "",
        };
        let finding =
            best.map_or_else(|| "none".to_owned(), |best| format!("{mark}{}: {}", best.detector, best.title));
        let severity = best.map_or("", |best| best.score.0.as_str());
        let confidence = best.map_or_else(String::new, |best| format!("{:.2}", best.score.1));
        let rank = best.map_or_else(String::new, |best| best.rank.to_string());
        let assessment = found.assessment.map_or_else(|| "none".to_owned(), |at| at.to_string());
        println!(
            "| {} | {}: {} | {finding} | {severity} | {confidence} | {rank} | {assessment} |",
            examined.name, found.kind, found.about
        );
    }
}

/// Recall by kind, false findings, and the separation of the two.
pub(crate) fn print(results: &[Examined]) {
    print_recall(results);
    print_false(results);
    print_auc(results);
}

fn print_recall(results: &[Examined]) {
    let mut kinds: BTreeMap<&str, Vec<&Found>> = BTreeMap::new();
    for found in results.iter().flat_map(|result| &result.behaviours) {
        kinds.entry(&found.kind).or_default().push(found);
        kinds.entry("all").or_default().push(found);
    }
    println!(
        "\n| kind | behaviours | found | at medium or above | by any detector | assessment in the first three |"
    );
    println!("|---|---|---|---|---|---|");
    for (kind, all) in kinds {
        let count = |holds: &dyn Fn(&Found) -> bool| all.iter().filter(|found| holds(found)).count();
        let is_grave =
            |best: &Option<Best>| best.as_ref().is_some_and(|best| best.score.0 >= Severity::Medium);
        println!(
            "| {kind} | {} | {} | {} | {} | {} |",
            all.len(),
            count(&|found| found.right.is_some()),
            count(&|found| is_grave(&found.right)),
            count(&|found| is_grave(&found.any)),
            count(&|found| found.assessment.is_some_and(|at| at <= 3)),
        );
    }
}

fn print_false(results: &[Examined]) {
    let hours: f64 = results.iter().map(|result| result.benign_hours).sum();
    let loud: Vec<_> = results
        .iter()
        .flat_map(|result| result.false_findings.iter().map(|finding| (&result.name, finding)))
        .filter(|(_, (_, score, _))| score.0 > Severity::Low)
        .collect();
    println!("\nBenign traffic: {hours:.1} h, {} findings above low", loud.len());
    if hours > 0.0 {
        println!("({:.3} an hour).", loud.len() as f64 / hours);
    }
    for (set, (detector, (severity, confidence), title)) in loud {
        println!("- {set}: {detector}, {severity}, {confidence:.2}: {title}");
    }
}

fn print_auc(results: &[Examined]) {
    let malicious: Vec<Score> = results
        .iter()
        .flat_map(|result| &result.behaviours)
        .map(|found| found.any.as_ref().map_or((Severity::Info, 0.0), |best| best.score))
        .collect();
    let benign: Vec<Score> = results.iter().flat_map(|result| result.benign_scores.iter().copied()).collect();
    if malicious.is_empty() || benign.is_empty() {
        return;
    }
    let wins: f64 = malicious.iter().map(|bad| benign.iter().map(|good| win(*bad, *good)).sum::<f64>()).sum();
    println!(
        "\nArea under the ROC curve of (severity, confidence), {} malicious behaviours against {} benign pairs with a \
         finding: {:.3}",
        malicious.len(),
        benign.len(),
        wins / (malicious.len() * benign.len()) as f64
    );
}

fn win(bad: Score, good: Score) -> f64 {
    match bad.partial_cmp(&good) {
        Some(std::cmp::Ordering::Greater) => 1.0,
        Some(std::cmp::Ordering::Equal) => 0.5,
        _ => 0.0,
    }
}
