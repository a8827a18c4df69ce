namespace Workflows.GoogleCloud.TpuEmulator.Buckets;

/// <summary>Compares names in the order of Cloud Storage's lists: by the bytes of UTF-8, which is by code
/// points.</summary>
internal static class Utf8Order
{
    public static IComparer<string> Comparer { get; } = Comparer<string>.Create(Compare);

    private static int Compare(string? left, string? right)
    {
        var at = left.AsSpan().CommonPrefixLength(right);
        if (at == (left?.Length ?? 0) || at == (right?.Length ?? 0))
        {
            return (left?.Length ?? 0).CompareTo(right?.Length ?? 0);
        }

        // Surrogates stand for code points above all others, but UTF-16 sorts them below U+E000.
        var (first, second) = (left![at], right![at]);
        return char.IsSurrogate(first) != char.IsSurrogate(second)
            ? char.IsSurrogate(first) ? (second >= '\uE000' ? 1 : first.CompareTo(second))
                : first >= '\uE000' ? -1 : first.CompareTo(second)
            : first.CompareTo(second);
    }
}
