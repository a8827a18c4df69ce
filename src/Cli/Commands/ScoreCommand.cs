using System.CommandLine;
using System.Globalization;
using System.Text;
using Workflows.Cli.Scoring;
using Workflows.Translation.Metrics;
using Workflows.Translation.Metrics.Mecab;

namespace Workflows.Cli.Commands;

/// <summary>Implements workflows score REF... -i HYP...: scores as sacreBLEU's command does, without a
/// service.</summary>
internal sealed class ScoreCommand
{
    // A larger value adds only digits that overflow.
    private const double MostSmoothing = 1e6;

    private readonly Argument<string[]> _references = new("references")
    {
        Description = "Files of references, one segment a line; .gz is unpacked.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private readonly Option<string[]> _inputs = new("--input", "-i")
    {
        Description = "Files of outputs; the first is the baseline of a paired test. Standard input when absent.",
        AllowMultipleArgumentsPerToken = true,
    };

    private readonly Option<string[]> _metrics = new Option<string[]>("--metrics", "-m")
    {
        Description = "Metrics to compute (default bleu).",
        AllowMultipleArgumentsPerToken = true,
        DefaultValueFactory = _ => ["bleu"],
    }.AcceptOnlyFromAmong("bleu", "chrf", "ter");

    private readonly Option<bool> _sentenceLevel = new("--sentence-level", "-sl") { Description = "Score each line." };

    private readonly Option<string> _smoothMethod = new Option<string>("--smooth-method", "-s")
    {
        Description = "Smoothing of BLEU.",
        DefaultValueFactory = _ => "exp",
    }.AcceptOnlyFromAmong("none", "floor", "add-k", "exp");

    private readonly Option<string?> _smoothValue = new("--smooth-value", "-sv")
    {
        Description = "Value of floor and add-k smoothing (defaults 0.1 and 1).",
    };

    private readonly Option<string> _tokenize = new Option<string>("--tokenize", "-tok")
    {
        Description = "How BLEU cuts lines into words (default 13a, or by --language-pair).",
        DefaultValueFactory = _ => "13a",
    }.AcceptOnlyFromAmong("none", "zh", "13a", "intl", "char", "ko-mecab");

    private readonly Option<string?> _mecab = new("--mecab-dictionary")
    {
        Description = "Folder of the compiled mecab-ko-dic for ko-mecab; also WORKFLOWS_MECAB_KO_DIC.",
    };

    private readonly Option<string?> _languagePair = new("--language-pair", "-l")
    {
        Description = "Source and target language, such as en-ko; the target chooses the default of --tokenize.",
    };

    private readonly Option<string> _encoding = new("--encoding", "-e")
    {
        Description = "Encoding of the files; UTF-8 is the only one.",
        DefaultValueFactory = _ => "utf-8",
    };

    private readonly Option<bool> _lowercase = Flag("Ignore case in BLEU.", "--lowercase", "-lc");
    private readonly Option<bool> _force = Flag("Accepted and without effect: nothing is warned of.", "--force");
    private readonly Option<string> _charOrder = Number("Character order of chrF.", 6, "--chrf-char-order", "-cc");
    private readonly Option<string> _wordOrder = Number("Word order; 2 for chrF++.", 0, "--chrf-word-order", "-cw");
    private readonly Option<string> _beta = Number("Weight of recall in chrF.", 2, "--chrf-beta");
    private readonly Option<bool> _chrfSpace = Flag("Count white space in chrF.", "--chrf-whitespace");
    private readonly Option<bool> _chrfLowercase = Flag("Ignore case in chrF.", "--chrf-lowercase");
    private readonly Option<bool> _chrfEpsilon = Flag("Smooth chrF as chrF++.py does.", "--chrf-eps-smoothing");
    private readonly Option<bool> _terCase = Flag("Let case count in TER.", "--ter-case-sensitive");
    private readonly Option<bool> _terAsian = Flag("Treat Asian characters apart in TER.", "--ter-asian-support");
    private readonly Option<bool> _terNoPunct = Flag("Leave punctuation out of TER.", "--ter-no-punct");
    private readonly Option<bool> _terNormalized = Flag("Normalize lines for TER.", "--ter-normalized");
    private readonly Option<bool> _confidence = Flag("Add a 95 % confidence interval.", "--confidence", "-ci");
    private readonly Option<string> _confidenceN = Number("Resamples for it.", 1000, "--confidence-n", "-cin");
    private readonly Option<bool> _pairedAr = Flag("Compare by approximate randomization.", "--paired-ar", "-par");
    private readonly Option<bool> _pairedBs = Flag("Compare by paired bootstrap.", "--paired-bs", "-pbs");
    private readonly Option<string> _pairedArN = Number("Trials of --paired-ar.", 10_000, "--paired-ar-n", "-parn");
    private readonly Option<string> _pairedBsN = Number("Resamples of --paired-bs.", 1000, "--paired-bs-n", "-pbsn");
    private readonly Option<string> _pairedJobs = Number("Accepted and without effect.", 1, "--paired-jobs", "-j");
    private readonly Option<bool> _noColor = Flag("Accepted: the command has no colours.", "--no-color", "-nc");
    private readonly Option<bool> _version = Flag("Print which sacreBLEU this equals.", "--version", "-V");
    private readonly Option<bool> _quiet = Flag("Accepted: the command is always quiet.", "--quiet", "-q");
    private readonly Option<bool> _short = Flag("Shorten signatures.", "--short", "-sh");
    private readonly Option<bool> _scoreOnly = Flag("Print the score alone.", "--score-only", "-b");
    private readonly Option<string> _width = Number("Decimals.", 1, "--width", "-w");

    private readonly Option<string> _format = new Option<string>("--format", "-f")
    {
        Description = "Output format; SACREBLEU_FORMAT overrides it.",
        DefaultValueFactory = _ => "json",
    }.AcceptOnlyFromAmong("json", "text");

    /// <summary>Creates the command; tests pass streams other than the console's.</summary>
    public static Command Create(Func<Stream>? input = null, TextWriter? output = null, TextWriter? error = null)
    {
        var score = new ScoreCommand();
        var command = new Command(
            "score", "Score translations as sacreBLEU does: workflows score ref.txt -i out.txt -m bleu chrf")
        {
            score._references, score._inputs, score._metrics, score._sentenceLevel, score._smoothMethod,
            score._smoothValue, score._tokenize, score._mecab, score._lowercase, score._force, score._charOrder,
            score._wordOrder,
            score._beta, score._chrfSpace, score._chrfLowercase, score._chrfEpsilon, score._terCase, score._terAsian,
            score._terNoPunct, score._terNormalized, score._confidence, score._confidenceN, score._pairedAr,
            score._pairedBs, score._pairedArN, score._pairedBsN, score._quiet, score._short, score._scoreOnly,
            score._width, score._format, score._languagePair, score._encoding, score._pairedJobs, score._noColor,
            score._version,
        };
        command.SetAction(parsed =>
        {
            try
            {
                using var text = new StringWriter();
                if (parsed.GetValue(score._version))
                {
                    text.Write($"workflows score, equal to sacreBLEU {TranslationMetric.ReferenceVersion}\n");
                }
                else
                {
                    Scorer.Run(score.Settings(parsed), input ?? Console.OpenStandardInput, text);
                }

                Write(text.ToString(), output);
                return ExitCodes.Done;
            }
            catch (CommandException exception)
            {
                (error ?? Console.Error).WriteLine(exception.Message);
                return exception.ExitCode;
            }
            catch (MecabDictionaryException exception)
            {
                (error ?? Console.Error).WriteLine(exception.Message);
                return ExitCodes.Invalid;
            }
        });
        return command;
    }

    // Written in one piece, so that an output that cannot be written is one error and not a stack trace.
    private static void Write(string text, TextWriter? output)
    {
        try
        {
            if (output is not null)
            {
                output.Write(text);
                return;
            }

            using var console = Console.OpenStandardOutput();
            console.Write(new UTF8Encoding(false).GetBytes(text));
        }
        catch (IOException exception)
        {
            throw Invalid($"The scores cannot be written to standard output: {exception.Message}");
        }
    }

    private static Option<bool> Flag(string description, string name, params string[] aliases) =>
        new(name, aliases) { Description = description };

    /// <summary>Makes an option with a whole number, which <see cref="Within"/> reads: the library's own options of
    /// numbers are compiled at each start, which takes as long as a thousand segments.</summary>
    private static Option<string> Number(string description, int otherwise, string name, params string[] aliases) =>
        new(name, aliases)
        {
            Description = description,
            DefaultValueFactory = _ => otherwise.ToString(CultureInfo.InvariantCulture),
        };

    private static CommandException Invalid(string message) => new(message, ExitCodes.Invalid);

    private ScoreSettings Settings(ParseResult parsed)
    {
        string[] files = [.. parsed.GetValue(_references) ?? [], .. parsed.GetValue(_inputs) ?? []];
        if (files.FirstOrDefault(file => file.StartsWith('-')) is { } unknown)
        {
            throw Invalid($"'{unknown}' is not an option: workflows score --help lists them.");
        }

        if (parsed.GetValue(_pairedAr) && parsed.GetValue(_pairedBs))
        {
            throw Invalid("--paired-ar and --paired-bs exclude each other: give one of them.");
        }

        var encoding = parsed.GetValue(_encoding)!;
        if (encoding.ToUpperInvariant() is not ("UTF-8" or "UTF8" or "UTF_8"))
        {
            throw Invalid($"--encoding is '{encoding}': only utf-8 is read; convert the files, as iconv does.");
        }

        Within(parsed, _pairedJobs, 0, int.MaxValue);
        var isBootstrap = parsed.GetValue(_pairedBs);
        var test = parsed.GetValue(_pairedAr) ? PairedTest.ApproximateRandomization
            : isBootstrap ? PairedTest.Bootstrap : (PairedTest?)null;
        var samples = Within(parsed, isBootstrap ? _pairedBsN : _pairedArN, 0, 1_000_000);
        return new ScoreSettings
        {
            References = parsed.GetValue(_references) ?? [],
            Inputs = parsed.GetValue(_inputs) ?? [],
            Metrics = parsed.GetValue(_metrics)!,
            IsSentenceLevel = parsed.GetValue(_sentenceLevel),
            Bleu = Bleu(parsed),
            Chrf = new ChrfOptions
            {
                CharacterOrder = Within(parsed, _charOrder, 1, 16),
                WordOrder = Within(parsed, _wordOrder, 0, 16),
                Beta = Within(parsed, _beta, 1, 1000),
                Whitespace = parsed.GetValue(_chrfSpace),
                Lowercase = parsed.GetValue(_chrfLowercase),
                EpsilonSmoothing = parsed.GetValue(_chrfEpsilon),
            },
            Ter = new TerOptions
            {
                CaseSensitive = parsed.GetValue(_terCase),
                AsianSupport = parsed.GetValue(_terAsian),
                NoPunctuation = parsed.GetValue(_terNoPunct),
                Normalized = parsed.GetValue(_terNormalized),
            },
            ConfidenceSamples = parsed.GetValue(_confidence) ? Within(parsed, _confidenceN, 1, 1_000_000) : 0,
            Test = test,
            TestSamples = samples > 0 ? samples : isBootstrap ? 1000 : 10_000,
            Width = Within(parsed, _width, 0, 15),
            IsJson = Format(parsed) == "json",
            IsScoreOnly = parsed.GetValue(_scoreOnly),
            IsShort = parsed.GetValue(_short),
            Seed = Environment.GetEnvironmentVariable("SACREBLEU_SEED") ?? "12345",
        };
    }

    private BleuOptions Bleu(ParseResult parsed) => new()
    {
        Tokenizer = Tokenizer(parsed) switch
        {
            "none" => BleuTokenizer.None,
            "zh" => BleuTokenizer.Chinese,
            "intl" => BleuTokenizer.International,
            "char" => BleuTokenizer.Character,
            "ko-mecab" => BleuTokenizer.KoreanMecab,
            _ => BleuTokenizer.Mteval13a,
        },
        MecabDictionary = parsed.GetValue(_mecab),
        Smoothing = parsed.GetValue(_smoothMethod) switch
        {
            "none" => BleuSmoothing.None,
            "floor" => BleuSmoothing.Floor,
            "add-k" => BleuSmoothing.AddK,
            _ => BleuSmoothing.Exponential,
        },
        SmoothingValue = Smoothing(parsed.GetValue(_smoothValue)),
        Lowercase = parsed.GetValue(_lowercase),
    };

    /// <summary>Chooses the tokenizer as sacreBLEU does: by the language of the outputs, if none is named.</summary>
    private string Tokenizer(ParseResult parsed)
    {
        var languages = parsed.GetValue(_languagePair)?.Split('-');
        if (languages is not null && (languages.Length < 2 || languages.Any(string.IsNullOrWhiteSpace)))
        {
            throw Invalid($"--language-pair is '{parsed.GetValue(_languagePair)}': write the source and the target "
                + "language, such as en-ko.");
        }

        return parsed.GetResult(_tokenize) is { Implicit: false } ? parsed.GetValue(_tokenize)!
            : languages?[1] switch
            {
                "zh" => "zh",
                "ko" => "ko-mecab",
                "ja" when parsed.GetValue(_metrics)!.Contains("bleu") => throw Invalid(
                    "--language-pair: sacreBLEU cuts Japanese with ja-mecab, which is not offered: choose another "
                    + "by --tokenize, such as char."),
                _ => "13a",
            };
    }

    private string Format(ParseResult parsed) =>
        Environment.GetEnvironmentVariable("SACREBLEU_FORMAT")?.ToLowerInvariant() is ("json" or "text") and { } wanted
            ? wanted : parsed.GetValue(_format)!;

    private static double? Smoothing(string? text) => text is null ? null
        : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
            && value is >= 0 and <= MostSmoothing
            ? value : throw Invalid($"--smooth-value is {text}: it must be a number from 0 to {MostSmoothing}.");

    private static int Within(ParseResult parsed, Option<string> option, int least, int most)
    {
        var text = parsed.GetValue(option);
        return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
            && value >= least && value <= most
            ? value : throw Invalid($"{option.Name} is {text}: it must be a whole number from {least} to {most}.");
    }
}
