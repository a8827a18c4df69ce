using System.Text;

namespace Workflows.TestKit;

/// <summary>
/// Makes texts of what people and programs write: both scripts, signs, emoji, and what cannot be seen.
/// </summary>
public static class AnyText
{
    private static readonly string[] Pieces =
    [
        "방", "예약을", "취소해 주세요", "값", "room", "the", "I'm", "Ωμέγα", "Ａ１", "🙂", "👩‍👩‍👧", "🇰🇷", "é", "ß", "漢字",
        "\u200B", "\u200D", "\uFEFF", "\u00A0", "\u2028", "\u0085", "\u202E", " ", "  ", "3.5%", "{", "}", "[", "]",
        "\\", "\\n", "/", "&", "&amp;", "<b>", "</b>", ">", "#", ":", ";", "'", "=", "-", "ㅋㅋ", "…", "\u3000", "¿",
    ];

    /// <summary>Makes a text without line breaks, tabs, quotes and commas.</summary>
    /// <param name="random">Where it comes from.</param>
    /// <param name="pieces">The most pieces, at least 1.</param>
    /// <returns>Valid UTF-16, not empty, with a letter at its beginning and its end.</returns>
    public static string Line(Random random, int pieces = 8) => Of(random, pieces, []);

    /// <summary>Makes a text that may also have the pieces given.</summary>
    /// <param name="random">Where it comes from.</param>
    /// <param name="pieces">The most pieces, at least 1.</param>
    /// <param name="more">Pieces beside the usual ones.</param>
    /// <returns>
    /// Valid UTF-16 where the pieces given are, not empty, with a letter at its beginning and its end.
    /// </returns>
    public static string Of(Random random, int pieces, params string[] more)
    {
        ArgumentNullException.ThrowIfNull(random);
        ArgumentNullException.ThrowIfNull(more);
        var text = new StringBuilder("a");
        for (var left = random.Next(pieces); left > 0; left--)
        {
            text.Append(more.Length > 0 && random.Next(3) == 0
                ? more[random.Next(more.Length)] : Pieces[random.Next(Pieces.Length)]);
        }

        return text.Append('글').ToString();
    }

    /// <summary>Changes, takes out, puts in or repeats a few bytes.</summary>
    /// <param name="random">Where it comes from.</param>
    /// <param name="whole">The bytes, which stay as they are.</param>
    /// <returns>Other bytes.</returns>
    public static byte[] Damage(Random random, byte[] whole)
    {
        ArgumentNullException.ThrowIfNull(random);
        var bytes = new List<byte>(whole);
        for (var left = random.Next(1, 5); left > 0 && bytes.Count > 0; left--)
        {
            var at = random.Next(bytes.Count);
            switch (random.Next(5))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    bytes.RemoveRange(at, Math.Min(random.Next(1, 9), bytes.Count - at));
                    break;
                case 3:
                    bytes.Insert(at, (byte)random.Next(256));
                    break;
                default:
                    bytes.InsertRange(at, bytes.GetRange(at, Math.Min(random.Next(1, 9), bytes.Count - at)));
                    break;
            }
        }

        return [.. bytes];
    }
}
