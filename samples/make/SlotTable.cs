using System.Globalization;

namespace Workflows.Samples;

/// <summary>What can stand in a slot: entries with named columns, read from the grammar or made by rule.</summary>
internal sealed class SlotTable
{
    private readonly Dictionary<string, List<Dictionary<string, string>>> _lists = new(StringComparer.Ordinal);

    public SlotTable(params string[] files)
    {
        AddMadeByRule();
        foreach (var file in files)
        {
            Read(file);
        }
    }

    /// <summary>The entries for a slot's name; a name may end in one more character to tell two slots apart.</summary>
    public (string List, List<Dictionary<string, string>> Entries) this[string slot] =>
        _lists.TryGetValue(slot, out var entries) ? (slot, entries)
        : _lists.TryGetValue(slot[..^1], out entries) ? (slot[..^1], entries)
        : throw new FormatException($"The grammar has no list '{slot}'.");

    private void Read(string file)
    {
        List<Dictionary<string, string>>? entries = null;
        string[] columns = [];
        foreach (var line in GrammarText.Lines(file))
        {
            if (line.StartsWith('@'))
            {
                var names = line[1..].Split(' ');
                columns = names.Length == 1 ? ["ko", "en"] : names[1..];
                _lists.Add(names[0], entries = []);
                continue;
            }

            var values = line.Split('|', StringSplitOptions.TrimEntries);
            if (entries is null || values.Length != columns.Length)
            {
                throw new FormatException($"{file}: '{line}' does not have {columns.Length} columns.");
            }

            entries.Add(columns.Zip(values).ToDictionary(pair => pair.First, pair => pair.Second));
        }
    }

    private void AddMadeByRule()
    {
        string[] months = ["January", "February", "March", "April", "May", "June", "July", "August", "September",
            "October", "November", "December"];
        Add("date", from month in Enumerable.Range(1, 12)
                    from day in Enumerable.Range(1, 28)
                    select ($"{month}월 {day}일", $"{months[month - 1]} {day}"));
        Add("time", Times(6, 23));
        Add("daytime", Times(9, 18));
        Add("morning", Times(5, 9));
        Add("evening", Times(20, 23));
        Add("opening", Times(6, 11));
        Add("closing", Times(17, 23));
        Add("checkin", Times(13, 23));
        Add("checkout", Times(7, 14));
        Add("won", Amounts(5, 40, 10_000, "만"));
        Add("fare", Amounts(1, 12, 10_000, "만"));
        Add("price", Amounts(1, 9, 1000, "천"));
        Add("roomno", from floor in Enumerable.Range(2, 11)
                      from room in Enumerable.Range(1, 20)
                      select ($"{floor}{room:D2}호", $"room {floor}{room:D2}"));
        Add("number", Enumerable.Range(0, 400).Select(i => 10_000 + i * 7919 % 90_000)
            .Select(value => (Digits(value), Digits(value))));
        Add("name", Names());
    }

    private static IEnumerable<(string, string)> Times(int first, int last) =>
        from hour in Enumerable.Range(first, last - first + 1)
        from minutes in new[] { 0, 30 }
        let part = hour < 12 ? "오전" : "오후"
        let shown = hour > 12 ? hour - 12 : hour
        let suffix = hour < 12 ? "AM" : "PM"
        select ($"{part} {shown}시{(minutes == 0 ? "" : $" {minutes}분")}",
            $"{shown}{(minutes == 0 ? "" : $":{minutes}")} {suffix}");

    private static IEnumerable<(string, string)> Names()
    {
        (string Ko, string En)[] families = [("김", "Kim"), ("이", "Lee"), ("박", "Park"), ("최", "Choi"),
            ("정", "Jung"), ("강", "Kang"), ("윤", "Yoon"), ("한", "Han")];
        (string Ko, string En)[] given = [("민수", "Minsu"), ("지영", "Jiyoung"), ("수진", "Sujin"),
            ("현우", "Hyunwoo"), ("유나", "Yuna"), ("준호", "Junho"), ("다은", "Daeun"), ("성민", "Sungmin"),
            ("미라", "Mira"), ("태현", "Taehyun")];
        return from family in families
               from name in given
               select (family.Ko + name.Ko, $"{name.En} {family.En}");
    }

    private static IEnumerable<(string, string)> Amounts(int first, int last, int unit, string name) =>
        Enumerable.Range(first, last - first + 1)
            .Select(i => ($"{(i == 1 ? "" : i)}{name} 원", $"{i * unit:N0} won"));

    private static string Digits(int value) => value.ToString(CultureInfo.InvariantCulture);

    private void Add(string list, IEnumerable<(string Ko, string En)> entries) => _lists.Add(list,
        [.. entries.Select(entry => new Dictionary<string, string> { ["ko"] = entry.Ko, ["en"] = entry.En })]);
}
