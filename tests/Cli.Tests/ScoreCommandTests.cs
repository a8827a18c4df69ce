using System.Globalization;
using System.Text.Json;
using Workflows.Cli.Commands;
using Workflows.TestKit;

namespace Workflows.Cli.Tests;

[Collection(Environment)]
public sealed class ScoreCommandTests : IDisposable
{
    /// <summary>Tests that read or change the command's environment variables run one at a time.</summary>
    public const string Environment = "environment of the score command";

    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Score_TextFormat_PrintsTheAlignedLinesOfTheReference()
    {
        var cases = SystemScoredBy("bleu", "chrf", "ter");
        var (reference, output) = Texts(cases[0]);

        var run = ScoreRun.Of(reference, "-i", output, "-m", "bleu", "chrf", "ter", "-f", "text", "-w", "2");

        var expected = cases.Select(given => Signed(Field(given, "text"), Field(given, "signature"))).ToArray();
        var width = expected.Max(line => line.IndexOf('='));
        Assert.Equal(
            string.Concat(expected.Select(line => new string(' ', width - line.IndexOf('=')) + line + "\n")),
            run.Output);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
    }

    [Fact]
    public void Score_Json_PrintsTheFieldsInTheReferenceOrder()
    {
        var reference = _folder.Write("ref.txt", "the cat sat on the mat\nhello world\n");
        var output = _folder.Write("out.txt", "the cat sat on a mat\nhello world\n");

        var run = ScoreRun.Of(reference, "-i", output, "-w", "2");

        Assert.Equal(
            """
            {
             "name": "BLEU",
             "score": 59.46,
             "signature": "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0",
             "verbose_score": "87.5/66.7/50.0/33.3 (BP = 1.000 ratio = 1.000 hyp_len = 8 ref_len = 8)",
             "nrefs": "1",
             "case": "mixed",
             "eff": "no",
             "tok": "13a",
             "smooth": "exp",
             "version": "2.6.0"
            }

            """.ReplaceLineEndings("\n").Replace("59.46", Number(run.Output), StringComparison.Ordinal), run.Output);
        using var json = JsonDocument.Parse(run.Output);
        Assert.InRange(json.RootElement.GetProperty("score").GetDouble(), 50, 65);
    }

    [Fact]
    public void Score_JsonWithSeveralMetrics_IsOneList()
    {
        var reference = _folder.Write("ref.txt", "the cat sat on the mat\nhello world\n");
        var output = _folder.Write("out.txt", "the cat sat on a mat\nhello world\n");

        var run = ScoreRun.Of(reference, "-i", output, "-m", "ter", "bleu", "-ci", "--confidence-n", "50");

        using var json = JsonDocument.Parse(run.Output);
        Assert.Equal(["BLEU", "TER"], json.RootElement.EnumerateArray().Select(item => Field(item, "name")));
        Assert.All(json.RootElement.EnumerateArray(), item =>
        {
            Assert.Equal(("50", "12345"), (Field(item, "bs"), Field(item, "seed")));
            Assert.StartsWith("μ = ", Field(item, "confidence"), StringComparison.Ordinal);
        });
    }

    [Fact]
    public void Score_Confidence_PrintsTheReferenceInterval()
    {
        var given = Fixtures.Json("sacrebleu", "significance.json").GetProperty("significance")
            .GetProperty("bootstrap").EnumerateArray().First(item => Field(item, "metric") == "bleu");
        var (reference, output) = Texts(given);

        var run = ScoreRun.Of(
            reference, "-i", output, "-ci", "--confidence-n", $"{given.GetProperty("samples")}",
            "-f", "text", "-w", "2");

        Assert.Equal(Signed(Field(given, "text"), Field(given, "signature")) + "\n", run.Output);
    }

    [Theory]
    [InlineData("bs")]
    [InlineData("ar")]
    public void Score_PairedJson_GivesTheReferenceValues(string test)
    {
        var given = Paired(test);
        var (reference, outputs) = PairedTexts(given);

        var run = ScoreRun.Of([
            reference, "-i", .. outputs, "-m", "bleu", $"--paired-{test}", $"--paired-{test}-n",
            $"{given.GetProperty("samples")}"]);

        using var json = JsonDocument.Parse(run.Output);
        var systems = json.RootElement.EnumerateArray().ToArray();
        Assert.Equal(outputs.Length, systems.Length);
        Assert.StartsWith("Baseline: ", Field(systems[0], "system"), StringComparison.Ordinal);
        for (var i = 0; i < systems.Length; i++)
        {
            var expected = given.GetProperty("results").GetProperty("BLEU")[i];
            var actual = systems[i].GetProperty("BLEU");
            Assert.Equal(["score", "p_value", "mean", "ci"], actual.EnumerateObject().Select(field => field.Name));
            Assert.Equal($"{expected.GetProperty("score")}", $"{actual.GetProperty("score")}");
            Assert.Equal($"{expected.GetProperty("p")}", $"{actual.GetProperty("p_value")}");
        }

        Assert.StartsWith("[\n    {\n        \"system\": \"Baseline: ", run.Output, StringComparison.Ordinal);
        Assert.Contains("        \"BLEU\": {\n            \"score\": ", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Score_PairedText_DrawsTheTableAndExplainsIt()
    {
        var paired = Paired("bs");
        var given = paired.GetProperty("results").GetProperty("BLEU");
        var (reference, outputs) = PairedTexts(paired);
        Directory.CreateDirectory(_folder.Path);
        var baseline = _folder.Write("a", File.ReadAllBytes(outputs[0]));
        var system = _folder.Write("b", File.ReadAllBytes(outputs[1]));

        var run = ScoreRun.Of(reference, "-i", baseline, system, "--paired-bs", "-f", "text");

        string Cell(JsonElement item) => string.Create(CultureInfo.InvariantCulture,
            $"{item.GetProperty("score").GetDouble():F1} ({item.GetProperty("mean").GetDouble():F1} ± "
            + $"{item.GetProperty("ci").GetDouble():F1})");
        var name = $"Baseline: {baseline}";
        var lines = run.Output.Split('\n');
        Assert.Equal($"╒{new string('═', name.Length + 2)}╤{new string('═', 21)}╕", lines[0]);
        Assert.Equal($"│ {"System".PadLeft(name.Length)} │  BLEU (μ ± 95% CI)  │", lines[1]);
        Assert.Equal($"│ {name} │ {Cell(given[0]).PadLeft(18).PadRight(19)} │", lines[3]);
        Assert.Equal($"│ {system.PadLeft(name.Length)} │ {Cell(given[1]).PadLeft(18).PadRight(19)} │", lines[5]);
        Assert.Equal($"│ {new string(' ', name.Length)} │    (p = 0.0010)*    │", lines[6]);
        Assert.Contains("Paired bootstrap resampling test with 1000 resampling trials\n", run.Output,
            StringComparison.Ordinal);
        Assert.EndsWith("-----------------\nMetric signatures\n-----------------\n - BLEU       "
            + "nrefs:1|bs:1000|seed:12345|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0\n", run.Output,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Score_SeveralSystemsWithoutTest_PrintsATable()
    {
        var reference = _folder.Write("ref.txt", "the cat sat on the mat\n");
        var good = _folder.Write("good.txt", "the cat sat on the mat\n");
        var bad = _folder.Write("bad.txt", "dogs\n");

        var text = ScoreRun.Of(reference, "-i", good, bad, "-f", "text");
        var json = ScoreRun.Of(reference, "-i", good, bad);

        Assert.Contains("│ 100.0  │\n├", text.Output, StringComparison.Ordinal);
        Assert.Contains("\"BLEU\": \"100.0\"\n    },\n    {", json.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Score_SentenceLevel_PrintsALineForEachSegment()
    {
        var given = Cases().First(given => IsPlain(given, "ter") && given.TryGetProperty("sentenceScores", out _));
        var expected = given.GetProperty("sentenceScores").EnumerateArray().Select(score => score.GetDouble());

        var (reference, output) = Texts(given);

        var run = ScoreRun.Of(reference, "-i", output, "-m", "ter", "-sl", "-b", "-w", "4");

        var lines = run.Output.Split('\n');
        Assert.All(expected.Zip(lines), pair =>
            Assert.Equal(pair.First.ToString("F4", CultureInfo.InvariantCulture), pair.Second));
    }

    [Fact]
    public void Score_SentenceBleu_UsesTheEffectiveOrder()
    {
        var reference = _folder.Write("ref.txt", "hello world\n");

        var run = ScoreRun.Of(reference, "-i", reference, "-sl", "-sh");

        Assert.Equal("BLEU|#:1|c:mixed|e:yes|tok:13a|s:exp|v:2.6.0 = 100.0 100.0/100.0/0.0/0.0 "
            + "(BP = 1.000 ratio = 1.000 hyp_len = 2 ref_len = 2)\n", run.Output);
    }

    [Fact]
    public void Score_ShortSignatures_AreThoseOfTheReference()
    {
        foreach (var given in Fixtures.Json("sacrebleu", "cases.json").GetProperty("cases").EnumerateArray())
        {
            if (given.TryGetProperty("shortSignature", out var expected))
            {
                Assert.Equal(expected.GetString(), Scoring.PrintedScore.Shorten(
                    Field(given, "metric").ToUpperInvariant(), Field(given, "signature")));
            }
        }
    }

    [Fact]
    public void Score_StandardInput_HasOneSystemAColumn()
    {
        var reference = _folder.Write("ref.txt", "a b c d\ne f g h\n");

        var one = ScoreRun.With("a b c d\ne f g h\n", reference, "-b");
        var two = ScoreRun.With("a b c d\ta\ne f g h\te\n", reference);

        Assert.Equal("100.0\n", one.Output);
        Assert.Contains("\"system\": \"System 2\"", two.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Score_SeveralReferences_AreUsedTogether()
    {
        var run = ScoreRun.Of(_folder.Write("a", "x y z w\n"), _folder.Write("b", "a b c d\n"), "-i",
            _folder.Write("c", "a b c d\n"), "-f", "text");

        Assert.StartsWith("BLEU|nrefs:2|", run.Output, StringComparison.Ordinal);
        Assert.Contains(" = 100.0 ", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Score_DifferentLengths_NamesTheFilesAndTheFix()
    {
        var run = ScoreRun.Of(_folder.Write("ref.txt", "a\nb\n"), "-i", _folder.Write("out.txt", "a\n"));

        Assert.Equal((ExitCodes.Invalid, ""), (run.ExitCode, run.Output));
        Assert.Contains("out.txt' has 1 lines", run.Error, StringComparison.Ordinal);
        Assert.Contains("ref.txt' have 2: both must have one segment a line", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("there is no such file", "missing.txt", "-i", "missing.txt")]
    [InlineData("No references", "-i", "missing.txt")]
    [InlineData("'--no-such' is not an option", "ref.txt", "--no-such")]
    public void Score_MissingFiles_AreNamed(string expected, params string[] arguments)
    {
        var run = ScoreRun.Of(arguments);

        Assert.Equal(ExitCodes.Invalid, run.ExitCode);
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Score_KoreanDictionaryMissing_NamesTheFileAndWhatItNeeds()
    {
        var file = _folder.Write("ref.txt", "a\n");

        var run = ScoreRun.Of(file, "-i", file, "-tok", "ko-mecab", "--mecab-dictionary", _folder.Path);

        Assert.Equal((ExitCodes.Invalid, ""), (run.ExitCode, run.Output));
        Assert.Contains("sys.dic': there is no such file; the folder must hold", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Score_FileThatIsNotUtf8_NamesItsLine()
    {
        var run = ScoreRun.Of(_folder.Write("ref.txt", [.. "a\n"u8, 0xff, (byte)'\n']), "-i", "x");

        Assert.Equal(ExitCodes.Invalid, run.ExitCode);
        Assert.Contains("ref.txt', line 2", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--paired-bs")]
    [InlineData("--paired-bs", "--paired-ar")]
    [InlineData("-w", "99")]
    [InlineData("-sl", "-ci")]
    [InlineData("-sl", "-m", "bleu", "ter")]
    public void Score_OptionsThatDoNotFit_AreRefused(params string[] options)
    {
        var file = _folder.Write("ref.txt", "a\n");

        var run = ScoreRun.Of([file, "-i", file, .. options]);

        Assert.Equal((ExitCodes.Invalid, ""), (run.ExitCode, run.Output));
        Assert.NotEmpty(run.Error);
    }

    /// <summary>Numbers are read by the command itself, in every language and with every mistake.</summary>
    [Theory]
    [InlineData("--width is wide: it must be a whole number from 0 to 15.", "-w", "wide")]
    [InlineData("--width is 1.5: it must be a whole number from 0 to 15.", "-w", "1.5")]
    [InlineData("--width is 99999999999: it must be a whole number from 0 to 15.", "-w", "99999999999")]
    [InlineData("--chrf-beta is -1: it must be a whole number from 1 to 1000.", "--chrf-beta=-1")]
    [InlineData("--paired-jobs is : it must be a whole number from 0 to 2147483647.", "-j", "")]
    [InlineData("--smooth-value is NaN: it must be a number from 0 to 1000000.", "-s", "floor", "-sv", "NaN")]
    [InlineData("--smooth-value is 0,1: it must be a number from 0 to 1000000.", "-s", "floor", "-sv", "0,1")]
    public void Score_NumbersThatAreNone_AreRefused(string expected, params string[] options)
    {
        var file = _folder.Write("ref.txt", "a\n");

        var run = ScoreRun.Of([file, "-i", file, .. options]);

        Assert.Equal((ExitCodes.Invalid, "", expected), (run.ExitCode, run.Output, run.Error.Trim()));
    }

    [Theory]
    [InlineData("-m", "comet")]
    [InlineData("-tok", "wide")]
    public void Parse_UnknownWords_AreErrors(params string[] arguments)
    {
        Assert.NotEmpty(ScoreCommand.Create().Parse(["ref.txt", .. arguments]).Errors);
    }

    [Theory]
    [InlineData(42.9, "42.9")]
    [InlineData(100, "100.0")]
    [InlineData(0, "0.0")]
    [InlineData(0.000999000999000999, "0.000999000999000999")]
    [InlineData(0.0001, "0.0001")]
    [InlineData(0.00001, "1e-05")]
    [InlineData(9.999000099990002e-05, "9.999000099990002e-05")]
    public void Number_AllSizes_IsWrittenAsPythonDoes(double value, string expected)
    {
        Assert.Equal(expected, Scoring.PythonJson.Number(value));
    }

    public void Dispose() => _folder.Dispose();

    private static string Signed(string text, string signature) =>
        text.Insert(text.IndexOf(' ', StringComparison.Ordinal), "|" + signature);

    private static string Field(JsonElement item, string name) => item.GetProperty(name).ToString();

    private static string Number(string json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.GetProperty("score").ToString();
    }

    private static string Text(string name) => Fixtures.Require("sacrebleu", "text", $"{name}.txt");

    private static JsonElement.ArrayEnumerator Cases() =>
        Fixtures.Json("sacrebleu", "cases.json").GetProperty("cases").EnumerateArray();

    /// <summary>A case of the metric with the defaults of the command, on two files.</summary>
    private static bool IsPlain(JsonElement given, string metric) =>
        Field(given, "metric") == metric && Field(given, "references") == "1"
        && Fixtures.Find("sacrebleu", "text", $"{Field(given, "set")}.{Field(given, "system")}.txt") is not null
        && given.GetProperty("options").EnumerateObject().All(option => $"{option.Value}" is "13a" or "False");

    /// <summary>The first system that all the metrics scored: one case of each.</summary>
    private static JsonElement[] SystemScoredBy(params string[] metrics) => Cases()
        .Where(given => metrics.Any(metric => IsPlain(given, metric)))
        .GroupBy(given => (Field(given, "set"), Field(given, "system")))
        .Select(system => metrics.Select(metric => system.FirstOrDefault(given => IsPlain(given, metric))).ToArray())
        .First(cases => cases.All(given => given.ValueKind == JsonValueKind.Object));

    private static (string Reference, string Output) Texts(JsonElement given) =>
        (Text($"{Field(given, "set")}.ref0"), Text($"{Field(given, "set")}.{Field(given, "system")}"));

    private static JsonElement Paired(string test) =>
        Fixtures.Json("sacrebleu", "significance.json").GetProperty("significance").GetProperty("paired")
            .EnumerateArray().First(given => Field(given, "test") == test
                && Field(given.GetProperty("signatures"), "BLEU").Contains("|tok:13a|", StringComparison.Ordinal));

    private static (string Reference, string[] Outputs) PairedTexts(JsonElement given)
    {
        // The command takes a file once only, so the baseline's second appearance, which stands last, is left out.
        var set = Field(given, "set");
        return (Text($"{set}.ref0"), [.. given.GetProperty("systems").EnumerateArray()
            .Select(name => $"{name}".Replace("Baseline: ", "", StringComparison.Ordinal))
            .Where(name => name != "same").Select(name => Text($"{set}.{name}"))]);
    }
}
