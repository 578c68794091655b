//! The pages of a listing (`ListObjectsV2`).

use roxmltree::{Document, Node, ParsingOptions};

use super::url::fault_of;

/// Requested number of keys per page.
pub(super) const PAGE_KEYS: &str = "1000";

/// Maximum size of a page: a thousand of the longest keys with every byte encoded, and twice that
/// around them.
pub(super) const MOST_PAGE_BYTES: u64 = 10 << 20;

/// Maximum number of listed keys.
pub(super) const MOST_KEYS: usize = 1_000_000;

/// Maximum number of XML elements in a page: each key has about ten.
const MOST_NODES: u32 = 200_000;

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// Its size in bytes according to the server; never used for an allocation.
    pub bytes: u64,
}

/// The content of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// In the server's order: by key.
    pub objects: Vec<Listed>,
    /// Rejected keys, each with the reason.
    pub refused: Vec<(String, &'static str)>,
}

/// One page.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) keys: Vec<Listed>,
    /// Token of the next page; `None` on the last.
    pub(super) next: Option<String>,
}

impl Page {
    /// Parses a page.
    ///
    /// # Errors
    /// A sentence, if it is not a page.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let options =
            ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
        let document = Document::parse_with_options(text, options)
            .map_err(|error| format!("its listing is not XML ({error})"))?;
        let root = document.root_element();
        if root.tag_name().name() != "ListBucketResult" {
            return Err("it does not list: is AWS_ENDPOINT_URL that of a storage?".to_owned());
        }
        let is_encoded = child(root, "EncodingType").is_some_and(|kind| kind == "url");
        let key = |text: &str| if is_encoded { decode(text) } else { Some(text.to_owned()) };
        let mut keys = Vec::new();
        for object in root.children().filter(|node| node.tag_name().name() == "Contents") {
            let name = child(object, "Key").ok_or("its listing has an object without a key")?;
            let key = key(name).ok_or("its listing has a key that is not text")?;
            let bytes = child(object, "Size").and_then(|size| size.parse().ok());
            keys.push(Listed { key, bytes: bytes.ok_or("its listing has an object without a size")? });
        }
        let goes_on = child(root, "IsTruncated").is_some_and(|text| text == "true");
        let token = child(root, "NextContinuationToken").filter(|token| !token.is_empty());
        match (goes_on, token) {
            (false, _) => Ok(Self { keys, next: None }),
            (true, Some(token)) => Ok(Self { keys, next: Some(token.to_owned()) }),
            (true, None) => Err("its listing has more pages but no token for the next one".to_owned()),
        }
    }
}

impl Listing {
    /// Adds the keys of a page.
    pub(super) fn add(&mut self, keys: Vec<Listed>) {
        for object in keys {
            // The empty objects that some programs create for folders are skipped.
            if object.key.ends_with('/') && object.bytes == 0 {
                continue;
            }
            match fault_of(&object.key) {
                Some(fault) => self.refused.push((object.key, fault)),
                None => self.objects.push(object),
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.objects.len() + self.refused.len()
    }
}

fn child<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    node.children()
        .find(|child| child.tag_name().name() == name)
        .map(|child| child.text().unwrap_or_default())
}

/// Decodes `%XX` and `+` (a space); `None` if the result is not UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        bytes.push(match byte {
            b'%' => u8::try_from(16 * digit(rest.next())? + digit(rest.next())?).ok()?,
            b'+' => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(inside: &str) -> Result<Page, String> {
        Page::parse(&format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
             <ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{inside}</ListBucketResult>"
        ))
    }

    #[test]
    fn a_page_has_keys_and_the_way_to_the_next() {
        let first = page(
            "<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>\
             <NextContinuationToken>a+b/==</NextContinuationToken>\
             <Contents><Key>web/a+b%2B%C3%BC.parquet</Key><Size>12</Size></Contents>",
        )
        .unwrap();
        assert_eq!(first.keys, [Listed { key: "web/a b+ü.parquet".to_owned(), bytes: 12 }]);
        assert_eq!(first.next.as_deref(), Some("a+b/=="));
        let last = page("<IsTruncated>false</IsTruncated><Contents><Key>a+b</Key><Size>0</Size></Contents>");
        let last = last.unwrap();
        assert_eq!((last.keys[0].key.as_str(), last.next), ("a+b", None));
    }

    #[test]
    fn what_is_no_page_is_said() {
        assert!(Page::parse("<html></html>").unwrap_err().contains("AWS_ENDPOINT_URL"));
        assert!(Page::parse("not XML").is_err());
        for inside in [
            "<IsTruncated>true</IsTruncated>",
            "<Contents><Size>1</Size></Contents>",
            "<Contents><Key>a</Key><Size>-1</Size></Contents>",
            "<Contents><Key>a</Key></Contents>",
            "<EncodingType>url</EncodingType><Contents><Key>%FF</Key><Size>1</Size></Contents>",
            "<EncodingType>url</EncodingType><Contents><Key>%4</Key><Size>1</Size></Contents>",
        ] {
            assert!(page(inside).is_err(), "{inside}");
        }
    }

    #[test]
    fn keys_that_lead_elsewhere_are_refused() {
        let keys =
            ["a/../../etc/x.parquet", "/etc/x.parquet", "a/\u{1b}[2J.parquet", "a//b.parquet", "a/b.parquet"];
        let mut listing = Listing::default();
        listing.add(keys.map(|key| Listed { key: key.to_owned(), bytes: 1 }).to_vec());
        listing.add(vec![Listed { key: "a/folder/".to_owned(), bytes: 0 }]);
        assert_eq!(listing.objects.len(), 1);
        assert_eq!(listing.refused.len(), 4);
        assert_eq!(listing.objects[0].key, "a/b.parquet");
    }
}
