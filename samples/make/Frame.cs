using System.Text.RegularExpressions;
using Workflows.Translation;

namespace Workflows.Samples;

/// <summary>A sentence in both languages with slots: {slot}, {slot.column}, {slot.form} and {slot:particle}.</summary>
internal sealed partial class Frame
{
    private readonly string _ko;
    private readonly string _en;
    private readonly string[] _unwanted;
    private readonly SlotTable _slots;
    private readonly string[] _names;

    public Frame(string line, SlotTable slots)
    {
        var parts = line.Split('|', StringSplitOptions.TrimEntries);
        (_ko, _en) = parts.Length is 2 or 3 ? (parts[0], parts[1])
            : throw new FormatException($"A frame is 'Korean | English', found '{line}'.");
        _unwanted = parts.Length == 3 ? parts[2].Split(',', StringSplitOptions.TrimEntries) : [];
        _slots = slots;
        _names = [.. Placeholder().Matches(_ko + _en).Select(match => match.Groups["slot"].Value).Distinct()];
    }

    /// <summary>One choice of entries; null where the choice makes no sense.</summary>
    public SentencePair? Fill(Func<int, int> choose)
    {
        var chosen = _names.ToDictionary(name => name, name =>
        {
            var entries = _slots[name].Entries;
            return entries[choose(entries.Count)];
        });
        // A word that occurs twice ("met a friend with my friend") is what a person would avoid.
        var words = chosen.Values.Select(entry => entry.Values.First()).ToArray();
        for (var i = 0; i < words.Length; i++)
        {
            if (_unwanted.Any(words[i].Contains) || words.Where((other, j) => j != i && Overlap(other, words[i])).Any())
            {
                return null;
            }
        }

        return new SentencePair(Expand(_ko, "ko", chosen), English.Capitalized(Expand(_en, "en", chosen)));
    }

    // Numbers and dates share parts by nature.
    private static bool Overlap(string one, string other) =>
        one == other || (!other.Any(char.IsAsciiDigit) && !one.Any(char.IsAsciiDigit)
            && one.Split(' ', '을', '를').Intersect(other.Split(' ', '을', '를')).Any(word => word.Length > 1));

    private static string Expand(
        string template, string language, Dictionary<string, Dictionary<string, string>> chosen) =>
        Placeholder().Replace(template, match =>
        {
            var text = Form(chosen[match.Groups["slot"].Value], match.Groups["form"].Captures, language);
            return match.Groups["particle"] is { Success: true, Value: var particle }
                ? Korean.WithParticle(text, particle) : text;
        });

    private static string Form(Dictionary<string, string> entry, CaptureCollection forms, string language)
    {
        var text = entry.GetValueOrDefault(language, "");
        foreach (var form in forms.Select(capture => capture.Value))
        {
            text = form switch
            {
                _ when entry.TryGetValue(form, out var column) => column,
                "a" => English.WithArticle(text),
                "s" when language == "en" => text.StartsWith("my ", StringComparison.Ordinal)
                    || char.IsUpper(text[0]) ? text + "'s" : English.Plural(text),
                "more" => English.More(text),
                "ed" => text + "ed",
                "we" => text.Replace("my ", "our ", StringComparison.Ordinal),
                "었" => Korean.Past(entry["어"]),
                "는" => Korean.Modifier(entry["stem"]),
                "면" => Korean.Conditional(entry["stem"]),
                _ => throw new FormatException($"Unknown form '{form}' of '{text}'."),
            };
        }

        return text;
    }

    [GeneratedRegex(@"\{(?<slot>\w+)(?:\.(?<form>\w+))*(?::(?<particle>\w+))?\}")]
    private static partial Regex Placeholder();
}
