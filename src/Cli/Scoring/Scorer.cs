using System.Globalization;
using Workflows.Translation.Metrics;

namespace Workflows.Cli.Scoring;

/// <summary>Scores as sacreBLEU's command does, and prints the same text.</summary>
internal sealed class Scorer(ScoreSettings settings, SystemOutputs outputs, TextWriter output)
{
    private readonly bool _isSeedHidden = string.Equals(settings.Seed, "none", StringComparison.OrdinalIgnoreCase);
    private int _seed;

    public static void Run(ScoreSettings settings, Func<Stream> input, TextWriter output) =>
        new Scorer(settings, SystemOutputs.Read(settings, input), output).Run();

    private void Run()
    {
        _seed = ParseSeed();
        CheckModes();

        // Of classes alone, whose generic code is compiled already: with tuples it would be compiled at each start.
        string[] names = [.. settings.Metrics.Distinct()];
        TranslationMetric[] metrics = [.. names.Select(Create)];
        TranslationMetric[] sorted = [.. metrics];
        Array.Sort(names, sorted, StringComparer.Ordinal);
        if (settings.IsSentenceLevel)
        {
            PrintSentences(metrics[0]);
        }
        else if (outputs.Systems.Count == 1)
        {
            PrintSingle([.. sorted.Select(Single)]);
        }
        else if (settings.Test is { } test)
        {
            PairedReport.Print(
                settings, outputs.Names, output, [.. metrics.Select(metric => Compare(test, metric))]);
        }
        else
        {
            MultipleReport.Print(settings, outputs.Names, output, [.. sorted.Select(Table)]);
        }
    }

    private static CommandException Invalid(string message) => new(message, ExitCodes.Invalid);

    private void CheckModes()
    {
        var several = outputs.Systems.Count > 1;
        if (settings.IsSentenceLevel && (several || settings.Metrics.Distinct().Count() > 1))
        {
            throw Invalid("--sentence-level scores one system by one metric: give one file after -i and one after -m.");
        }

        if (settings.IsSentenceLevel && (settings.Test is not null || settings.ConfidenceSamples > 0))
        {
            throw Invalid("--sentence-level has no statistical tests: leave --confidence and the paired tests out.");
        }

        if (settings.Test is not null && !several)
        {
            throw Invalid("A paired test needs several systems: name the baseline and the others after -i.");
        }

        if (several && settings.ConfidenceSamples > 0)
        {
            throw Invalid("--confidence is for one system: use --paired-bs or --paired-ar to compare several.");
        }
    }

    private int ParseSeed()
    {
        if (_isSeedHidden)
        {
            return Random.Shared.Next();
        }

        return int.TryParse(settings.Seed, NumberStyles.None, CultureInfo.InvariantCulture, out var seed)
            ? seed
            : throw Invalid($"SACREBLEU_SEED is '{settings.Seed}': it must be a number from 0 to 2147483647, or none.");
    }

    private TranslationMetric Create(string name) => name switch
    {
        "bleu" => new Bleu(settings.Bleu with { EffectiveOrder = settings.IsSentenceLevel }),
        "chrf" => new Chrf(settings.Chrf),
        _ => new Ter(settings.Ter),
    };

    private void PrintSentences(TranslationMetric metric)
    {
        for (var i = 0; i < outputs.Systems[0].Count; i++)
        {
            var score = metric.ScoreSentence(
                outputs.Systems[0][i], [.. outputs.References.Select(stream => stream[i]!)]);
            Print(Printed(new ResampledScore(score, null, null), settings.IsShort)
                .Line(settings.Width, settings.IsScoreOnly));
        }
    }

    private PrintedScore Single(TranslationMetric metric)
    {
        var score = settings.ConfidenceSamples > 1
            ? Significance.Bootstrap(
                metric, outputs.Systems[0], outputs.References, settings.ConfidenceSamples, _seed)
            : new ResampledScore(metric.ScoreCorpus(outputs.Systems[0], outputs.References), null, null);
        return Printed(score, settings.IsShort && !settings.IsJson);
    }

    private void PrintSingle(PrintedScore[] scores)
    {
        if (settings.IsJson)
        {
            var json = scores.Select(score =>
                settings.IsScoreOnly ? score.Number(settings.Width) : score.Json(settings.Width)).ToArray();
            Print(json.Length == 1 ? json[0] : $"[\n{string.Join(",\n", json)}\n]");
            return;
        }

        var lines = scores.Select(score => score.Line(settings.Width, settings.IsScoreOnly)).ToArray();
        if (lines.Length == 1)
        {
            Print(lines[0]);
            return;
        }

        // Lines are aligned by their first "="; lines without one come first.
        foreach (var line in lines.Where(line => !line.Contains('=')))
        {
            Print(line);
        }

        var aligned = lines.Where(line => line.Contains('=')).ToArray();
        var width = aligned.Select(line => line.IndexOf('=', StringComparison.Ordinal)).DefaultIfEmpty().Max();
        foreach (var line in aligned)
        {
            Print(new string(' ', width - line.IndexOf('=', StringComparison.Ordinal)) + line);
        }
    }

    private MetricTable Table(TranslationMetric metric)
    {
        var scores = outputs.Systems.Select(system => metric.ScoreCorpus(system, outputs.References)).ToArray();
        return new MetricTable(scores[0].Name, Signed(scores[0], settings.IsShort),
            [.. scores.Select(score => new MetricCell(score.Score, null, null, null))]);
    }

    private MetricTable Compare(PairedTest test, TranslationMetric metric)
    {
        var comparisons = Significance.Paired(
            test, metric, outputs.Systems, outputs.References, settings.TestSamples, _seed);
        var baseline = comparisons[0].Baseline;
        return new MetricTable(baseline.Score.Name, Signed(baseline.Score, settings.IsShort),
            [
                new MetricCell(baseline.Score.Score, null, baseline.Mean, baseline.HalfWidth),
                .. comparisons.Select(pair => new MetricCell(
                    pair.System.Score.Score, pair.PValue, pair.System.Mean, pair.System.HalfWidth)),
            ]);
    }

    private PrintedScore Printed(ResampledScore score, bool isShort) =>
        new(score.Score, score.Mean, score.HalfWidth, Signed(score.Score, isShort));

    private string Signed(MetricScore score, bool isShort)
    {
        var signature = _isSeedHidden
            ? score.Signature.Replace($"|seed:{_seed}|", "|seed:none|", StringComparison.Ordinal) : score.Signature;
        return isShort ? PrintedScore.Shorten(score.Name, signature) : signature;
    }

    private void Print(string text) => output.Write(text + "\n");
}
