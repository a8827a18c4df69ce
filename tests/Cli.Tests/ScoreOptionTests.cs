using System.IO.Compression;
using System.Text.Json;
using Workflows.Cli.Commands;
using Workflows.TestKit;

namespace Workflows.Cli.Tests;

/// <summary>
/// The options of "workflows score". Numbers and tables are those of sacreBLEU 2.6.0 on the same text.
/// </summary>
[Collection(ScoreCommandTests.Environment)]
public sealed class ScoreOptionTests : IDisposable
{
    private const string Reference = """
        the cat sat on the mat
        hello world again
        no one knows the answer
        we left early on Monday
        she reads a long book
        it is raining in Seoul today

        """;

    private const string Output = """
        the cat sat on a mat
        hello world again
        no one knows the answer
        we left early on Monday
        she reads a book
        it is raining in Seoul today

        """;

    private const string Worse = """
        cat mat
        hello word again
        nobody knows the answer
        we left late on Monday
        she read a book
        it rains in Seoul today

        """;

    private static readonly Dictionary<(string Metric, string Option), string> Names = new()
    {
        [("bleu", "tokenize")] = "-tok",
        [("bleu", "lowercase")] = "-lc",
        [("bleu", "smooth_method")] = "-s",
        [("bleu", "smooth_value")] = "-sv",
        [("bleu", "force")] = "--force",
        [("chrf", "word_order")] = "-cw",
        [("chrf", "char_order")] = "-cc",
        [("chrf", "beta")] = "--chrf-beta",
        [("chrf", "whitespace")] = "--chrf-whitespace",
        [("chrf", "lowercase")] = "--chrf-lowercase",
        [("chrf", "eps_smoothing")] = "--chrf-eps-smoothing",
        [("ter", "normalized")] = "--ter-normalized",
        [("ter", "no_punct")] = "--ter-no-punct",
        [("ter", "case_sensitive")] = "--ter-case-sensitive",
        [("ter", "asian_support")] = "--ter-asian-support",
    };

    private readonly TemporaryFolder _folder = new();

    /// <summary>Every set of options among the reference cases, once.</summary>
    [Fact]
    public void Score_OptionsOfTheReferenceCases_GiveItsLine()
    {
        var sets = new HashSet<string>();
        foreach (var given in Fixtures.Json("sacrebleu", "cases.json").GetProperty("cases").EnumerateArray())
        {
            var metric = Field(given, "metric");
            var options = given.GetProperty("options").EnumerateObject().ToArray();
            if (options.Any(option => !Names.ContainsKey((metric, option.Name)) || $"{option.Value}" == "ko-mecab")
                || Files(given) is not { } files
                || !sets.Add($"{metric} {files.References.Length} {given.GetProperty("options")}"))
            {
                continue;
            }

            var run = ScoreRun.Of([
                .. files.References, "-i", files.Output, "-m", metric, "-f", "text", "-w", "2",
                .. options.Where(option => option.Value.ValueKind != JsonValueKind.False).SelectMany(option =>
                    option.Value.ValueKind == JsonValueKind.True
                        ? (string[])[Names[(metric, option.Name)]]
                        : [Names[(metric, option.Name)], $"{option.Value}"])]);

            var text = Field(given, "text");
            Assert.Equal(
                text.Insert(text.IndexOf(' ', StringComparison.Ordinal), "|" + Field(given, "signature")) + "\n",
                run.Output);
        }

        Assert.NotEmpty(sets);
    }

    [Fact]
    public void Score_PackedFiles_AreUnpacked()
    {
        var run = ScoreRun.Of(Packed("ref.gz", Reference, 0), "-i", Packed("out.gz", Output, 0), "-b", "-w", "4");

        Assert.Equal((0, "81.3549\n"), (run.ExitCode, run.Output));
    }

    [Fact]
    public void Score_PackedFileCutShort_IsRefused()
    {
        var run = ScoreRun.Of(Packed("ref.gz", Reference, 8), "-i", _folder.Write("out.txt", Output));

        Assert.Equal((ExitCodes.Invalid, ""), (run.ExitCode, run.Output));
        Assert.Contains("ref.gz", run.Error, StringComparison.Ordinal);
        Assert.Contains("cut short", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Score_SeedOfTheEnvironment_IsTheReferenceInterval()
    {
        using var seed = new Variable("SACREBLEU_SEED", "7");

        var run = Scored("-ci", "-cin", "100", "-w", "4", "-f", "text");

        Assert.Equal("BLEU|nrefs:1|bs:100|seed:7|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0 = 81.3549 "
            + "(μ = 81.1786 ± 21.4935) 96.6/87.0/82.4/72.7 (BP = 0.966 ratio = 0.967 hyp_len = 29 ref_len = 30)\n",
            run.Output);
    }

    [Theory]
    [InlineData("none", 0)]
    [InlineData("seven", ExitCodes.Invalid)]
    [InlineData("-1", ExitCodes.Invalid)]
    public void Score_SeedOfTheEnvironment_IsHiddenOrRefused(string value, int code)
    {
        using var seed = new Variable("SACREBLEU_SEED", value);

        var run = Scored("-ci", "-cin", "100", "-f", "text");

        Assert.Equal(code, run.ExitCode);
        Assert.Contains(code == 0 ? "|seed:none|" : "SACREBLEU_SEED", run.Output + run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("TEXT", "json", "BLEU|nrefs:1|")]
    [InlineData("json", "text", "{\n \"name\": \"BLEU\"")]
    [InlineData("nonsense", "text", "BLEU|nrefs:1|")]
    public void Score_FormatOfTheEnvironment_Overrides(string variable, string option, string beginning)
    {
        using var format = new Variable("SACREBLEU_FORMAT", variable);

        Assert.StartsWith(beginning, Scored("-f", option).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Score_ApproximateRandomizationAsText_PrintsTheReferenceReport()
    {
        var columns = Output.Split('\n').Zip(Worse.Split('\n'), (left, right) => $"{left}\t{right}\n").SkipLast(1);

        var run = ScoreRun.With(string.Concat(columns), _folder.Write("ref.txt", Reference),
            "--paired-ar", "-parn", "100", "-f", "text", "-m", "bleu", "ter");

        Assert.Equal("""
            ╒══════════╤═══════════════╤═══════════════╕
            │   System │     BLEU      │      TER      │
            ╞══════════╪═══════════════╪═══════════════╡
            │ Baseline │     81.4      │      6.7      │
            ├──────────┼───────────────┼───────────────┤
            │ System 1 │     18.8      │     40.0      │
            │          │ (p = 0.0099)* │ (p = 0.0099)* │
            ╘══════════╧═══════════════╧═══════════════╛

            -----------------------------------------------------
            Paired approximate randomization test with 100 trials
            -----------------------------------------------------
             - Each system is pairwise compared to .
               Actual system score is provided for each metric.

             - Null hypothesis: the system and the baseline translations are essentially
               generated by the same underlying process. For a given system and the baseline,
               the p-value is roughly the probability of the absolute score difference (delta)
               or higher occurring due to chance, under the assumption that the null hypothesis is correct.

             - Assuming a significance threshold of 0.05, the null hypothesis can be rejected
               for p-values < 0.05 (marked with "*"). This means that the delta is unlikely to be attributed
               to chance, hence the system is significantly "different" than the baseline.
               Otherwise, the p-values are highlighted in red.

             - NOTE: Significance does not tell whether a system is "better" than the baseline but rather
               emphasizes the "difference" of the systems in terms of the replicability of the delta.

            -----------------
            Metric signatures
            -----------------
             - BLEU       nrefs:1|ar:100|seed:12345|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0
             - TER        nrefs:1|ar:100|seed:12345|case:lc|tok:tercom|norm:no|punct:yes|asian:no|version:2.6.0

            """.ReplaceLineEndings("\n"), run.Output);
    }

    /// <summary>sacreBLEU does so too: no resample exceeds a difference of nothing.</summary>
    [Fact]
    public void Score_BootstrapOfIdenticalSystems_MarksThem()
    {
        var run = ScoreRun.Of(_folder.Write("ref.txt", Reference), "-i", _folder.Write("a", Output),
            _folder.Write("b", Output), "--paired-bs", "-pbsn", "100", "-f", "text");

        Assert.Contains("(p = 0.0099)*", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-j", "4")]
    [InlineData("--paired-jobs", "0")]
    [InlineData("-nc")]
    [InlineData("--no-color")]
    [InlineData("-e", "utf-8")]
    [InlineData("--encoding", "UTF8")]
    [InlineData("-l", "ko-en")]
    [InlineData("-l", "en-zh", "-tok", "13a")]
    [InlineData("-l", "en-ja", "-tok", "13a")]
    [InlineData("-s", "floor", "-sv", "0")]
    public void Score_OptionsOfTheReference_AreAcceptedAndChangeNoScore(params string[] options)
    {
        var run = Scored([.. options, "-b", "-w", "4"]);

        Assert.Equal((0, "81.3549\n", ""), (run.ExitCode, run.Output, run.Error));
    }

    [Theory]
    [InlineData("zh", "|tok:zh|")]
    [InlineData("en", "|tok:13a|")]
    public void Score_TargetLanguage_ChoosesTheTokenizer(string language, string signature)
    {
        Assert.Contains(signature, Scored("-l", $"ko-{language}", "-f", "text").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Score_IntoKorean_NeedsTheDictionary()
    {
        var run = Scored("-l", "en-ko", "--mecab-dictionary", _folder.Path);

        Assert.Equal((ExitCodes.Invalid, ""), (run.ExitCode, run.Output));
        Assert.Contains("sys.dic", run.Error, StringComparison.Ordinal);
        Assert.Equal(0, Scored("-l", "en-ko", "-m", "chrf").ExitCode);
    }

    [Theory]
    [InlineData("-V")]
    [InlineData("--version")]
    public void Score_Version_NamesTheReference(string option)
    {
        var run = ScoreRun.Of(option);

        Assert.Equal((0, "workflows score, equal to sacreBLEU 2.6.0\n"), (run.ExitCode, run.Output));
    }

    [Theory]
    [InlineData("--smooth-value", "-s", "floor", "-sv", "-1")]
    [InlineData("--smooth-value", "-s", "floor", "-sv", "nan")]
    [InlineData("--smooth-value", "-s", "floor", "-sv", "1e400")]
    [InlineData("--smooth-value", "-s", "add-k", "-sv", "1e308")]
    [InlineData("--encoding", "-e", "euc-kr")]
    [InlineData("--language-pair", "-l", "ko")]
    [InlineData("--language-pair", "-l", "ko-")]
    [InlineData("ja-mecab", "-l", "en-ja")]
    [InlineData("--paired-jobs", "-j", "-1")]
    public void Score_ValuesThatCannotBe_AreOneLine(string named, params string[] options)
    {
        var run = Scored(options);

        Assert.Equal((ExitCodes.Invalid, ""), (run.ExitCode, run.Output));
        Assert.Contains(named, run.Error, StringComparison.Ordinal);
        Assert.Equal(1, run.Error.Count(character => character == '\n'));
    }

    [Theory]
    [InlineData("", "-i", "out.txt")]
    [InlineData("ref.txt", "-i", "")]
    public void Score_EmptyName_IsSaid(params string[] arguments)
    {
        var run = ScoreRun.Of(arguments);

        Assert.Equal(ExitCodes.Invalid, run.ExitCode);
        Assert.Contains("name is empty", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Score_VeryLongLinesByTer_AreScored()
    {
        var words = Enumerable.Range(0, 50_000).Select(number => $"w{number}").ToArray();
        var reference = _folder.Write("ref.txt", string.Join(' ', words) + "\n");
        words[^1] = "x";

        var run = ScoreRun.Of(reference, "-i", _folder.Write("out.txt", string.Join(' ', words) + "\n"), "-m", "ter",
            "-b", "-w", "3");

        Assert.Equal((0, "0.002\n"), (run.ExitCode, run.Output));
    }

    [Fact]
    public void Score_OutputThatIsFull_IsOneLine()
    {
        using var error = new StringWriter();
        using var full = new FullWriter();
        var file = _folder.Write("ref.txt", Reference);

        var code = ScoreCommand.Create(null, full, error).Parse([file, "-i", file]).Invoke();

        Assert.Equal(ExitCodes.Invalid, code);
        Assert.Contains("standard output: No space left", error.ToString(), StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private static string Field(JsonElement item, string name) => item.GetProperty(name).ToString();

    /// <summary>The files of a case; null where it has none.</summary>
    private static (string[] References, string Output)? Files(JsonElement given)
    {
        var set = Field(given, "set");
        var references = Enumerable.Range(0, given.GetProperty("references").GetInt32())
            .Select(number => Fixtures.Find("sacrebleu", "text", $"{set}.ref{number}.txt")).OfType<string>().ToArray();
        return references.Length == given.GetProperty("references").GetInt32()
            && Fixtures.Find("sacrebleu", "text", $"{set}.{Field(given, "system")}.txt") is { } output
                ? (references, output) : null;
    }

    private ScoreRun Scored(params string[] options) => ScoreRun.Of([
        _folder.Write("ref.txt", Reference), "-i", _folder.Write("out.txt", Output), .. options]);

    private string Packed(string name, string text, int cut)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionMode.Compress))
        using (var writer = new StreamWriter(gzip))
        {
            writer.Write(text);
        }

        return _folder.Write(name, packed.ToArray()[..^cut]);
    }

    /// <summary>An environment variable for as long as a test runs.</summary>
    private sealed class Variable : IDisposable
    {
        private readonly string _name;

        public Variable(string name, string value)
        {
            _name = name;
            System.Environment.SetEnvironmentVariable(name, value);
        }

        public void Dispose() => System.Environment.SetEnvironmentVariable(_name, null);
    }

    private sealed class FullWriter : StringWriter
    {
        public override void Write(string? value) => throw new IOException("No space left on device");
    }
}
