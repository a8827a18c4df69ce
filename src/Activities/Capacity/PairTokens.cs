using Workflows.Activities.Artifacts;
using Workflows.ModelFiles;
using Workflows.Orchestrations;
using Workflows.Translation;

namespace Workflows.Activities.Capacity;

/// <summary>Counts the tokens of pairs for a plan.</summary>
internal static class PairTokens
{
    /// <summary>Returns a function that counts the tokens of pairs.</summary>
    /// <param name="programs">Counts tokens as the worker does; null to count none.</param>
    /// <param name="spec">The run.</param>
    /// <param name="source">Its model.</param>
    /// <returns>
    /// null if the model is not on this machine: a plan does not fetch its tokenizer. The function returns no lengths
    /// if the tokenizer cannot be used, which the checks before renting report.
    /// </returns>
    public static Func<IReadOnlyList<SentencePair>, IReadOnlyList<PairLength>>? CounterOf(
        IRunPrograms? programs, RunSpec spec, ModelSource source)
    {
        return programs is null || !source.IsLocal ? null : Count;

        IReadOnlyList<PairLength> Count(IReadOnlyList<SentencePair> pairs)
        {
            try
            {
                return programs.Lengths(spec, source.Address.Path, pairs);
            }
            catch (ModelFileException)
            {
                return [];
            }
        }
    }
}
