using System.Globalization;
using Microsoft.DurableTask;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Data;
using Workflows.Activities.Reporting;
using Workflows.Artifacts;
using Workflows.Orchestrations;
using Workflows.Translation;
using Workflows.Translation.Metrics;

namespace Workflows.Activities.Evaluation;

/// <summary>
/// Compares base and tuned translations in each direction: BLEU and chrF++ as sacreBLEU computes them, a paired
/// bootstrap test of the difference, and a count of degenerate outputs.
/// </summary>
/// <param name="ledger">Receives the scores.</param>
/// <param name="artifacts">The place of the worker's translations; null for the run's folder.</param>
public sealed class ScoreActivity(RunLedger ledger, RunArtifacts? artifacts = null) : TaskActivity<ScoreInput, bool>
{
    private readonly RunArtifacts _artifacts = artifacts ?? new RunArtifacts(ledger);

    private const double Significance = 0.05;
    private const int Examples = 12;
    private const string TestFile = "test.jsonl";

    /// <inheritdoc />
    public override async Task<bool> RunAsync(TaskActivityContext context, ScoreInput input)
    {
        var root = _artifacts.RootOf(input.Spec, input.Data);
        if (root.Scheme != ArtifactScheme.File)
        {
            await RunArtifacts.GuardAsync(() => FetchAsync(input, root));
        }

        var isHere = root.Scheme == ArtifactScheme.File;
        var folder = isHere ? root.Path : ledger.DirectoryOf(input.Spec.RunId);
        var pairs = PrepareDataActivity.ReadBack(
            isHere ? ArtifactUri.Parse(input.Data.TestUri).Path : Path.Combine(folder, TestFile));
        foreach (var direction in input.Spec.Directions())
        {
            ledger.AppendInPart(
                input.Spec.RunId, LedgerKinds.Scores, direction.Code(), Judge(input.Spec, folder, direction, pairs));
        }

        return true;
    }

    /// <summary>Copies the test set and the translations to the run's folder, where a reader of the report finds
    /// them.</summary>
    private async Task<bool> FetchAsync(ScoreInput input, ArtifactUri root)
    {
        var (store, folder) = (_artifacts.StoreOf(input.Spec), ledger.DirectoryOf(input.Spec.RunId));
        await store.DownloadAsync(
            ArtifactUri.Parse(input.Data.TestUri), Path.Combine(folder, TestFile), CancellationToken.None);
        foreach (var name in HypothesisFiles.Models.SelectMany(
            model => input.Spec.Directions().Select(direction => HypothesisFiles.NameOf(model, direction))))
        {
            await store.DownloadAsync(root.Child(name), Path.Combine(folder, name), CancellationToken.None);
            var unfinished = HypothesisFiles.UnfinishedOf(name);
            if (await store.FindAsync(root.Child(unfinished), CancellationToken.None) is not null)
            {
                await store.DownloadAsync(
                    root.Child(unfinished), Path.Combine(folder, unfinished), CancellationToken.None);
            }
        }

        return true;
    }

    private static VerdictSection Judge(
        RunSpec spec, string folder, TranslationDirection direction, IReadOnlyList<SentencePair> pairs)
    {
        string[] sources = [.. pairs.Select(pair => pair.Source(direction))];
        string[] references = [.. pairs.Select(pair => pair.Target(direction))];
        var baseline = Read(folder, HypothesisFiles.Base, direction, pairs.Count);
        var tuned = Read(folder, HypothesisFiles.Tuned, direction, pairs.Count);
        var bleu = new Bleu(new BleuOptions { Tokenizer = TokenizerFor(spec.Evaluation.BleuTokenizer, direction) });
        var chrf = Chrf.PlusPlus();
        var comparison = Translation.Metrics.Significance.PairedBootstrap(
            bleu, baseline.Lines, tuned.Lines, references, spec.Evaluation.BootstrapSamples, spec.Evaluation.Seed);
        var (before, after) = (Score(baseline), Score(tuned));
        var commonBase = CommonOutput.Of(sources, baseline.Lines, references);
        var commonTuned = CommonOutput.Of(sources, tuned.Lines, references);
        var (outcome, p) = Decide(commonBase, commonTuned, comparison);
        return new VerdictSection(
            direction,
            outcome == VerdictOutcome.Finer,
            after.Bleu - before.Bleu,
            p,
            null,
            pairs.Count,
            before,
            after,
            [.. Enumerable.Range(0, Math.Min(Examples, pairs.Count))
                .Select(each => each * pairs.Count / Math.Min(Examples, pairs.Count))
                .Select(at => new ExampleRow(sources[at], references[at], baseline.Lines[at], tuned.Lines[at]))])
        {
            Outcome = outcome,
            Notes =
            [
                .. VerdictWording.SmallTest(pairs.Count),
                .. VerdictWording.SameOutputs(HypothesisFiles.Base, commonBase),
                .. VerdictWording.SameOutputs(HypothesisFiles.Tuned, commonTuned),
                .. Note(HypothesisFiles.Base, before, pairs.Count), .. Note(HypothesisFiles.Tuned, after, pairs.Count),
            ],
        };

        SystemScore Score(Hypotheses hypotheses)
        {
            var bleuScore = bleu.ScoreCorpus(hypotheses.Lines, references);
            var chrfScore = chrf.ScoreCorpus(hypotheses.Lines, references);
            return new SystemScore(
                bleuScore.Score, bleuScore.Signature, chrfScore.Score, chrfScore.Signature, hypotheses.Path,
                Warnings(sources, hypotheses, direction));
        }
    }

    /// <summary>
    /// Chooses BLEU's tokenizer. 13a splits at spaces, which Korean uses differently, so BLEU into Korean counts
    /// morphemes if their dictionary is installed, and characters otherwise.
    /// </summary>
    private static BleuTokenizer TokenizerFor(string? asked, TranslationDirection direction) => asked switch
    {
        "13a" => BleuTokenizer.Mteval13a,
        "char" => BleuTokenizer.Character,
        "intl" => BleuTokenizer.International,
        "zh" => BleuTokenizer.Chinese,
        "none" => BleuTokenizer.None,
        "ko-mecab" => BleuTokenizer.KoreanMecab,
        _ when direction == TranslationDirection.KoToEn => BleuTokenizer.Mteval13a,
        _ when KoreanDictionary.IsAtHand => BleuTokenizer.KoreanMecab,
        _ => BleuTokenizer.Character,
    };

    /// <summary>
    /// Decides the outcome. One output for every sentence has a score that depends on the references alone, so no
    /// difference from it says anything: such a base is not compared with, and such a tuned model is worse than a base
    /// that translates, whatever the scores.
    /// </summary>
    private static (VerdictOutcome Outcome, double? P) Decide(
        CommonOutput? baseline, CommonOutput? tuned, PairedComparison comparison) =>
        (comparison.Verdict(Significance), baseline, tuned) switch
        {
            (_, { IsOnly: true }, _) => (VerdictOutcome.NotCompared, null),
            (ComparisonVerdict.Worse, _, _) => (VerdictOutcome.Worse, comparison.PValue),
            (_, _, { IsOnly: true }) => (VerdictOutcome.Worse, null),
            (ComparisonVerdict.Better, _, _) => (VerdictOutcome.Finer, comparison.PValue),
            (ComparisonVerdict.Identical, _, _) => (VerdictOutcome.Identical, null),
            _ => (VerdictOutcome.NoSignificantDifference, comparison.PValue),
        };

    /// <summary>Notes outputs that are no translations, since a score alone can hide them.</summary>
    private static IEnumerable<string> Note(string model, SystemScore score, int total)
    {
        var kinds = score.Warnings.Where(kind => kind.Value > 0)
            .Select(kind => string.Create(CultureInfo.InvariantCulture, $"{kind.Value} {kind.Key}")).ToList();
        if (kinds.Count > 0)
        {
            yield return $"{model}: of {total} outputs {string.Join(", ", kinds)}";
        }
    }

    private static Dictionary<string, int> Warnings(
        string[] sources, Hypotheses hypotheses, TranslationDirection direction)
    {
        var quality = OutputQuality.Inspect(
            sources, hypotheses.Lines, direction, wasCutOff: hypotheses.WasCutOff);
        return quality.Faults.ToDictionary(
            fault => SystemScore.NameOf(fault.Key), fault => fault.Value, StringComparer.Ordinal);
    }

    private static Hypotheses Read(string folder, string model, TranslationDirection direction, int expected)
    {
        var path = HypothesisFiles.PathOf(folder, model, direction);
        var lines = File.ReadAllLines(path);
        return lines.Length == expected
            ? new Hypotheses(path, lines, CutOff(HypothesisFiles.UnfinishedOf(path), expected))
            : throw new RunFaultException(
                "HYPOTHESES_INCOMPLETE", $"'{path}' has {lines.Length} lines, expected {expected}.",
                "Start the run again; if it happens again, look at the worker's log.");
    }

    /// <summary>Reads for each output whether the token limit ended it; null if no worker reported it.</summary>
    private static bool[]? CutOff(string path, int count)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        var numbers = File.ReadLines(path).Select(line => int.Parse(line, CultureInfo.InvariantCulture)).ToHashSet();
        return [.. Enumerable.Range(1, count).Select(numbers.Contains)];
    }

    private sealed record Hypotheses(string Path, string[] Lines, bool[]? WasCutOff);
}
