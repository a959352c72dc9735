//! What a listing's query asks for: a filter by name, an order, a page, a choice of columns.

use crate::error::Problem;
use crate::limits::PAGE_SIZE_MAX;
use narumq_door::http::QueryPair;
use serde_json::{Map, Value, json};
use std::cmp::Ordering;

/// Applies `name`, `sort`, `sort_reverse`, `page`, `page_size`, `pagination` and `columns` to a listing.
pub(crate) fn arrange(mut items: Vec<Value>, query: &[QueryPair<'_>]) -> Result<Value, Problem> {
    let get = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_ref());
    let total = items.len();
    let flag = |name: &str| get(name) == Some("true");
    if flag("use_regex") && get("name").is_some_and(|name| !name.is_empty()) {
        return Err(Problem::bad("use_regex is not supported; name selects by a part of the name"));
    }
    if let Some(part) = get("name").filter(|part| !part.is_empty()) {
        let part = part.to_lowercase();
        items.retain(|item| item["name"].as_str().is_some_and(|name| name.to_lowercase().contains(&part)));
    }
    if let Some(column) = get("sort").filter(|column| !column.is_empty()) {
        items.sort_by(|a, b| compare(at(a, column), at(b, column)));
        if flag("sort_reverse") {
            items.reverse();
        }
    }
    let columns: Option<Vec<&str>> = get("columns").filter(|c| !c.is_empty()).map(|c| c.split(',').collect());
    let shown = |item: Value| match &columns {
        Some(columns) => select(&item, columns),
        None => item,
    };
    let Some(page) = get("page").filter(|_| get("pagination") != Some("false") || get("page_size").is_some()) else {
        return Ok(Value::Array(items.into_iter().map(shown).collect()));
    };
    let size = get("page_size").unwrap_or("100");
    let (page, size) = match (page.parse::<usize>(), size.parse::<usize>()) {
        (Ok(page), Ok(size)) if page >= 1 && (1..=PAGE_SIZE_MAX).contains(&size) => (page, size),
        _ => {
            let reason = format!("Invalid pagination parameters: page number {page}, page size {size}");
            return Err(Problem::BadAs("invalid_pagination_parameters", reason));
        }
    };
    let filtered = items.len();
    let pages = filtered.div_ceil(size).max(1);
    if page > pages {
        let reason = format!("Page out of range, page: {page} page size: {size}, len: {filtered}");
        return Err(Problem::BadAs("page_out_of_range", reason));
    }
    let items: Vec<Value> = items.into_iter().skip((page - 1) * size).take(size).map(shown).collect();
    Ok(json!({
        "filtered_count": filtered, "item_count": items.len(), "items": items, "page": page, "page_count": pages,
        "page_size": size, "total_count": total,
    }))
}

/// The value under a dotted path; missing is null.
fn at<'a>(item: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(item, |value, key| &value[key])
}

/// Only these columns, those of dotted paths within their objects; missing ones are left out.
pub(crate) fn select(item: &Value, columns: &[&str]) -> Value {
    let mut chosen = Map::new();
    for column in columns {
        let (first, rest) = column.split_once('.').unwrap_or((column, ""));
        let Some(value) = item.get(first) else { continue };
        let value = if rest.is_empty() { value.clone() } else { select(value, &[rest]) };
        match (chosen.get_mut(first), value) {
            (Some(Value::Object(before)), Value::Object(more)) => before.extend(more),
            (_, value) => drop(chosen.insert(first.to_owned(), value)),
        }
    }
    Value::Object(chosen)
}

/// Numbers by size, texts by bytes; kinds in the order null, false, true, number, text, list, object.
fn compare(a: &Value, b: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Null => 0,
        Value::Bool(value) => 1 + u8::from(*value),
        Value::Number(_) => 3,
        Value::String(_) => 4,
        Value::Array(_) => 5,
        Value::Object(_) => 6,
    };
    match (a, b) {
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Number(x), Value::Number(y)) => match (x.as_i64(), y.as_i64()) {
            (Some(x), Some(y)) => x.cmp(&y),
            _ => x.as_f64().unwrap_or(0.0).total_cmp(&y.as_f64().unwrap_or(0.0)),
        },
        _ => rank(a).cmp(&rank(b)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use narumq_door::http::query_pairs;

    fn arranged(query: &str) -> Result<Value, Problem> {
        let names = ["b1", "a10", "B2", "c"];
        let items = names.iter().enumerate().map(|(n, name)| json!({"name": name, "n": n, "s": {"x": n, "y": 0}}));
        arrange(items.collect(), &query_pairs(query).unwrap())
    }

    #[test]
    fn listings_are_filtered_ordered_and_cut_to_columns() {
        assert_eq!(arranged("name=b&columns=name").unwrap(), json!([{"name": "b1"}, {"name": "B2"}]));
        let sorted = arranged("sort=name&sort_reverse=true&columns=name,nothing").unwrap();
        assert_eq!(sorted, json!([{"name": "c"}, {"name": "b1"}, {"name": "a10"}, {"name": "B2"}]));
        assert_eq!(arranged("sort=s.x&columns=s.x,s.y&name=c").unwrap(), json!([{"s": {"x": 3, "y": 0}}]));
        assert_eq!(arranged("").unwrap().as_array().unwrap().len(), 4);
    }

    #[test]
    fn pages_count_what_they_hold() {
        let page = arranged("page=2&page_size=1&name=b&columns=name").unwrap();
        assert_eq!(
            page.to_string(),
            r#"{"filtered_count":2,"item_count":1,"items":[{"name":"B2"}],"page":2,"page_count":2,"page_size":1,"total_count":4}"#
        );
        assert_eq!(arranged("page=1&name=none").unwrap()["page_count"], 1);
        for bad in ["page=0", "page=x", "page=1&page_size=501", "page=3&page_size=2", "name=a&use_regex=true"] {
            assert!(arranged(bad).is_err(), "{bad}");
        }
    }
}
