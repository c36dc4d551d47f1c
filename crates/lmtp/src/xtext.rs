//! xtext (RFC 3461 §4): how values with spaces and the like travel inside one parameter.

/// The value in xtext: `+`, `=` and whatever is not visible ASCII become `+HH`.
pub(crate) fn encode(value: &str, into: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in value.bytes() {
        if matches!(byte, b'!'..=b'~') && !matches!(byte, b'+' | b'=') {
            into.push(char::from(byte));
        } else {
            into.push('+');
            into.push(char::from(DIGITS[usize::from(byte >> 4)]));
            into.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

/// The value behind xtext; none when it is malformed or hides bytes that are not UTF-8.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut value = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        value.push(match byte {
            b'+' => (digit(bytes.next()?)? << 4) | digit(bytes.next()?)?,
            b'!'..=b'~' => byte,
            _ => return None,
        });
    }
    String::from_utf8(value).ok()
}

fn digit(byte: u8) -> Option<u8> {
    // RFC 3461 §4 writes upper case only; lower case is read too.
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
