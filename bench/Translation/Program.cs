// Scores, tokenizer and cleaning over a corpus, each as a figure of its own and, where it can be had, beside a peer or
// a limit of the machine measured in the same run:
//   BLEU and chrF++ of 10,000 segments beside sacreBLEU, run by --python PROGRAM where that can import it;
//   the start of the command (`--help`), given by --command PROGRAM, compiled ahead of time: 0.15 s at most;
//   its whole process `score` beside the whole process of `PROGRAM -m sacrebleu`: 8 times as fast at least;
//   tokenizer and cleaning beside the rate at which this machine decodes UTF-8, which no reader of text can beat.
// --corpus FILE is any corpus that the product reads, or two aligned files; without it the sample's own sentences,
// joined to segments of 25 words, as news has them. --python is python3 by default, where that has sacreBLEU.
// Ends with 3 if a limit is missed, unless --report-only is given: on a machine that others use, too.
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Workflows.TestKit;
using Workflows.Translation.Corpora;
using Workflows.Translation.Metrics;
using Workflows.Translation.Tokenization;

const int Segments = 10_000, Starts = 20, WordsOfASegment = 25;
const double MostHelpSeconds = 0.15, LeastTimes = 8;

var limits = MeasuredLimits.Of(args, out args);

var corpus = Option("--corpus") ?? Checkout.PathOf("samples", "general.tsv");
Func<ReadCorpus> read = corpus.Split(',') is [var ko, var en]
    ? () => CorpusReader.ReadAligned(ko, en)
    : () => CorpusReader.Read(corpus);
var pairs = read().Pairs;
var references = Option("--corpus") is null
    ? Joined() : [.. Enumerable.Range(0, Segments).Select(at => pairs[at % pairs.Count].En)];
var python = Option("--python") ?? (CanImport("python3") ? "python3" : null);
var hypotheses = Damage(references);
var length = references.Sum(line => line.Length) / Segments;
Console.WriteLine($"{Segments} segments, {length} characters on average, of {corpus}");

Scores();
Help();
Processes();
Rates();
return limits.Finish(Console.Out);

void Scores()
{
    var peer = Peer();
    (string, TranslationMetric)[] metrics = [("BLEU", new Bleu()), ("chrF++", Chrf.PlusPlus())];
    foreach (var (name, metric) in metrics)
    {
        var seconds = Best(() => metric.ScoreCorpus(hypotheses, references));
        var beside = peer.TryGetValue(name, out var theirs)
            ? $"sacreBLEU {theirs.Seconds:0.000} s in this run, {theirs.Seconds / seconds:0} times as long; "
                + (theirs.Score == metric.ScoreCorpus(hypotheses, references).Score ? "equal" : "NOT EQUAL")
            : "sacreBLEU was not measured: no python that has it";
        Console.WriteLine($"{name,-8} {seconds,8:0.000} s   {beside}");
    }

    var paired = Best(() => Significance.PairedBootstrap(new Bleu(), hypotheses, references, references));
    Console.WriteLine($"{"paired",-8} {paired,8:0.000} s   1,000 resamples of two systems, BLEU");
}

// The start of the command, which every call waits for.
void Help()
{
    if (Option("--command") is not { } command)
    {
        Console.WriteLine("--help   was not measured: no --command");
        return;
    }

    double[] starts = [.. Enumerable.Range(0, Starts).Select(_ => Time(() => Output(command, ["--help"]))).Order()];
    var median = (starts[(Starts - 1) / 2] + starts[Starts / 2]) / 2;
    Console.WriteLine(
        $"{"--help",-8} {median,8:0.000} s   median of {Starts} starts, {starts[0]:0.000} to {starts[^1]:0.000} s; "
        + $"limit {MostHelpSeconds:0.00} s");
    limits.Below("median start of --help in s", median, MostHelpSeconds);
}

// What a person waits for: start, files, score and output.
void Processes()
{
    if (Option("--command") is not { } command || python is null)
    {
        Console.WriteLine("score    the whole command was not measured: no --command, or no python with sacreBLEU");
        return;
    }

    var (hypothesisFile, referenceFile) = Files();
    foreach (var metrics in (string[][])[["bleu"], ["bleu", "chrf"]])
    {
        string[] arguments = [referenceFile, "-i", hypothesisFile, "-m", .. metrics, "-b"];
        string ours = "", theirs = "";
        var seconds = Best(() => ours = Output(command, ["score", .. arguments]));
        var peer = Best(() => theirs = Output(python, ["-m", "sacrebleu", .. arguments]));
        Console.WriteLine(
            $"{"score",-8} {seconds,8:0.000} s   -m {string.Join(' ', metrics)}: sacreBLEU's process {peer:0.000} s in "
            + $"this run, {peer / seconds:0.0} times as long, limit {LeastTimes:0}; "
            + $"{(ours == theirs ? "equal" : "NOT EQUAL")}");
        limits.AtLeast($"times as fast as sacreBLEU's process, -m {string.Join(' ', metrics)}", peer / seconds,
            LeastTimes);
    }

    Directory.Delete(Path.GetDirectoryName(referenceFile)!, recursive: true);
}

static string Output(string program, string[] arguments)
{
    using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
    var output = process.StandardOutput.ReadToEnd();
    process.WaitForExit();
    return process.ExitCode == 0
        ? output
        : throw new InvalidOperationException($"'{program} {arguments[0]}' ended with {process.ExitCode}.");
}

(string Hypotheses, string References) Files()
{
    var folder = Directory.CreateTempSubdirectory("score-bench-").FullName;
    var (hypothesisFile, referenceFile) = (Path.Combine(folder, "hyp"), Path.Combine(folder, "ref"));
    File.WriteAllLines(hypothesisFile, hypotheses);
    File.WriteAllLines(referenceFile, references);
    return (hypothesisFile, referenceFile);
}

void Rates()
{
    var bytes = Encoding.UTF8.GetBytes(string.Join('\n', pairs.Select(pair => $"{pair.Ko}\t{pair.En}")));
    var decode = bytes.Length / Best(() => Encoding.UTF8.GetString(bytes));
    var tokenizer = BpeTokenizer.Load(
        Option("--tokenizer") ?? Checkout.PathOf("samples", "tiny-gemma3", "tokenizer.json"));
    var tokens = 0;
    var seconds = Best(() =>
        tokens = pairs.Sum(pair => tokenizer.EncodeText(pair.Ko).Length + tokenizer.EncodeText(pair.En).Length));
    Line("tokenize", seconds, $"{tokens / seconds:#,0} tokens/s, one thread");
    Line("clean", Best(() => CorpusCleaner.Clean(pairs)), "");
    Line("read", Best(() => read()), "");
    return;

    void Line(string name, double time, string more) => Console.WriteLine(
        $"{name,-8} {pairs.Count / time,12:#,0} lines/s   "
            + $"{bytes.Length / time / decode:0.0000} of the rate of decoding "
        + $"UTF-8 ({decode / 1e9:0.0} GB/s)   {more}");
}

// The peer's own time for the score alone, without its start.
Dictionary<string, (double Seconds, double Score)> Peer()
{
    var found = new Dictionary<string, (double, double)>();
    if (python is null)
    {
        return found;
    }

    var (hypothesisFile, referenceFile) = Files();
    const string Script = """
        import sys, time
        from sacrebleu.metrics import BLEU, CHRF
        read = lambda path: open(path, encoding='utf-8').read().split('\n')[:-1]
        hyp, ref = read(sys.argv[1]), read(sys.argv[2])
        for name, metric in (('BLEU', BLEU()), ('chrF++', CHRF(word_order=2))):
            began = time.perf_counter()
            score = metric.corpus_score(hyp, [ref]).score
            print(name, time.perf_counter() - began, repr(score))
        """;
    using var process = Process.Start(new ProcessStartInfo(python, ["-c", Script, hypothesisFile, referenceFile])
    {
        RedirectStandardOutput = true,
    })!;
    while (process.StandardOutput.ReadLine() is { } line)
    {
        var parts = line.Split(' ');
        found[parts[0]] = (double.Parse(parts[1], CultureInfo.InvariantCulture),
            double.Parse(parts[2], CultureInfo.InvariantCulture));
    }

    process.WaitForExit();
    Directory.Delete(Path.GetDirectoryName(referenceFile)!, recursive: true);
    return found.Count == 2 ? found : throw new InvalidOperationException($"'{python}' cannot import sacrebleu.");
}

string[] Joined()
{
    var segments = new List<string>();
    var words = new List<string>();
    for (var at = 0; segments.Count < Segments; at++)
    {
        words.AddRange(pairs[at % pairs.Count].En.Split(' '));
        if (words.Count >= WordsOfASegment)
        {
            segments.Add(string.Join(' ', words));
            words.Clear();
        }
    }

    return [.. segments];
}

static bool CanImport(string program)
{
    try
    {
        using var process = Process.Start(new ProcessStartInfo(program, ["-c", "import sacrebleu"])
        {
            RedirectStandardError = true,
        })!;
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0;
    }
    catch (System.ComponentModel.Win32Exception)
    {
        // There is no such program.
        return false;
    }
}

static string[] Damage(string[] lines)
{
    var random = new Random(1);
    return [.. lines.Select(line =>
    {
        var words = line.Split(' ').ToList();
        words.RemoveAt(random.Next(words.Count));
        if (words.Count > 2)
        {
            words[random.Next(words.Count)] = words[random.Next(words.Count)];
        }

        return string.Join(' ', words);
    })];
}

static double Best(Action work)
{
    var best = double.MaxValue;
    for (var time = 0; time < 7; time++)
    {
        best = Math.Min(best, Time(work));
    }

    return best;
}

static double Time(Action work)
{
    var began = Stopwatch.GetTimestamp();
    work();
    return Stopwatch.GetElapsedTime(began).TotalSeconds;
}

string? Option(string name) =>
    Array.IndexOf(args, name) is var at and >= 0 && at + 1 < args.Length ? args[at + 1] : null;
