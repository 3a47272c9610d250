use crate::report::escape;

#[test]
fn text_never_becomes_markup() {
    assert_eq!(
        escape::html("</script><img src=x onerror='a(\"b\")'> & \u{0}\u{202e}"),
        "&lt;/script&gt;&lt;img src=x onerror=&#39;a(&quot;b&quot;)&#39;&gt; &amp; \u{fffd}\u{fffd}"
    );
}

#[test]
fn json_never_ends_its_script_element() {
    assert_eq!(
        escape::json("[\"</script><!-- & \u{2028}\u{2029}\"]"),
        "[\"\\u003c/script\\u003e\\u003c!-- \\u0026 \\u2028\\u2029\"]"
    );
}
