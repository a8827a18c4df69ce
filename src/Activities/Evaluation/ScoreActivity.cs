using Microsoft.DurableTask;
using Workflows.Activities.Data;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Translation;
using Workflows.Translation.Metrics;

namespace Workflows.Activities.Evaluation;

/// <summary>
/// Answers the question: is the tuned translation finer? BLEU and chrF++ as sacreBLEU computes them, the difference
/// tested by paired bootstrap.
/// </summary>
public sealed class ScoreActivity(RunLedger ledger) : TaskActivity<ScoreInput, bool>
{
    private const double Significance = 0.05;
    private const int Examples = 12;

    /// <inheritdoc />
    public override Task<bool> RunAsync(TaskActivityContext context, ScoreInput input)
    {
        var (spec, id) = (input.Spec, input.Spec.RunId);
        var direction = spec.Direction == "ko-en" ? TranslationDirection.KoToEn : TranslationDirection.EnToKo;
        var pairs = PrepareDataActivity.ReadBack(input.Data.TestUri);
        var directory = ledger.DirectoryOf(id);
        var (basePath, tunedPath) =
            (Path.Combine(directory, "hypotheses.base.txt"), Path.Combine(directory, "hypotheses.tuned.txt"));
        var (baseline, tuned) = (Lines(basePath, pairs.Count), Lines(tunedPath, pairs.Count));
        string[] sources = [.. pairs.Select(pair => pair.Source(direction))];
        string[] references = [.. pairs.Select(pair => pair.Target(direction))];

        // Korean has no spaces where 13a expects them, so its BLEU is of characters unless a dictionary is at hand.
        var bleu = new Bleu(new BleuOptions
        {
            Tokenizer = direction == TranslationDirection.KoToEn ? BleuTokenizer.Mteval13a : BleuTokenizer.Character,
        });
        var chrf = Chrf.PlusPlus();
        var comparison = Translation.Metrics.Significance.PairedBootstrap(
            bleu, baseline, tuned, references, spec.Evaluation.BootstrapSamples, spec.Evaluation.Seed);
        var (before, after) = (Score(baseline, basePath), Score(tuned, tunedPath));
        var verdict = new VerdictSection(
            spec.Direction,
            comparison.Verdict(Significance) == ComparisonVerdict.Better,
            after.Bleu - before.Bleu,
            comparison.PValue,
            null,
            pairs.Count,
            before,
            after,
            [.. Enumerable.Range(0, Math.Min(Examples, pairs.Count))
                .Select(each => each * pairs.Count / Math.Min(Examples, pairs.Count))
                .Select(at => new ExampleRow(sources[at], references[at], baseline[at], tuned[at]))]);
        return Task.FromResult(ledger.Append(id, LedgerKinds.Scores, "scores", verdict));

        SystemScore Score(string[] hypotheses, string path)
        {
            var bleuScore = bleu.ScoreCorpus(hypotheses, references);
            var chrfScore = chrf.ScoreCorpus(hypotheses, references);
            return new SystemScore(
                bleuScore.Score, bleuScore.Signature, chrfScore.Score, chrfScore.Signature, path,
                Warnings(sources, hypotheses, direction));
        }
    }

    private static Dictionary<string, int> Warnings(
        string[] sources, string[] hypotheses, TranslationDirection direction)
    {
        // NeverEnding becomes "never ending".
        var quality = OutputQuality.Inspect(sources, hypotheses, direction);
        return quality.Faults.ToDictionary(
            fault => string.Concat(fault.Key.ToString().Select((letter, at) =>
                (at > 0 && char.IsUpper(letter) ? " " : "") + char.ToLowerInvariant(letter))),
            fault => fault.Value,
            StringComparer.Ordinal);
    }

    private static string[] Lines(string path, int expected)
    {
        var lines = File.ReadAllLines(path);
        return lines.Length == expected
            ? lines
            : throw new RunFaultException(
                "HYPOTHESES_INCOMPLETE", $"'{path}' has {lines.Length} lines, expected {expected}.",
                "Start the run again; if it happens again, look at the worker's log.");
    }
}
