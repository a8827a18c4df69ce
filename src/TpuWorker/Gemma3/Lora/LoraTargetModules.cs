using System.Text.Json;
using System.Text.RegularExpressions;

namespace Workflows.TpuWorker.Gemma3.Lora;

/// <summary>
/// Resolves PEFT's <c>target_modules</c> as PEFT does (<c>check_target_module_exists</c> in its tuners_utils.py): a
/// string is a pattern of Python's re for a module's whole name, or "all-linear"; a name in a list is a module's whole
/// name or its end after a dot, and is ignored if no module has it.
/// </summary>
internal static class LoraTargetModules
{
    private const string AllLinear = "all-linear";

    /// <summary>Most time to match one short name; a pattern that takes longer may never end. Chosen.</summary>
    private static readonly TimeSpan MostTime = TimeSpan.FromSeconds(1);

    /// <summary>Finds the linear layers that a value names.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="modules">The value.</param>
    /// <param name="prefix">Prefix of the names of the text part's modules in the adapted model, with its dot.</param>
    /// <param name="layers">Layers of the model.</param>
    /// <returns>The layers' kinds, one or more.</returns>
    /// <exception cref="ModelFileException">
    /// It is neither string nor list, not a pattern, names none of the seven linear layers, or only some layers of a
    /// kind.
    /// </exception>
    public static LoraTargets Resolve(string path, JsonElement modules, string prefix, int layers)
    {
        var isNamed = Matcher(path, modules);
        var targets = LoraTargets.None;
        foreach (var (name, target) in LoraTargetNames.All)
        {
            var block = (target & LoraTargets.Attention) != 0 ? "self_attn" : "mlp";
            var count = Enumerable.Range(0, layers).Count(
                layer => isNamed($"{prefix}layers.{layer}.{block}.{name}"));
            if (count != 0 && count != layers)
            {
                throw Refusal(
                    path, $"target_modules names {name} in {count} of {layers} layers, wanted all of them or none");
            }

            targets |= count == layers ? target : LoraTargets.None;
        }

        return targets != LoraTargets.None
            ? targets
            : throw Refusal(
                path, $"target_modules is {modules.GetRawText()}, which names none of "
                    + $"{string.Join(", ", LoraTargetNames.All.Keys)} below '{prefix}layers'");
    }

    private static Func<string, bool> Matcher(string path, JsonElement modules)
    {
        if (modules.ValueKind == JsonValueKind.Array
            && modules.EnumerateArray().All(name => name.ValueKind == JsonValueKind.String))
        {
            string[] names = [.. modules.EnumerateArray().Select(name => name.GetString()!)];
            return module => names.Any(name =>
                module == name || module.EndsWith($".{name}", StringComparison.Ordinal));
        }

        if (modules.ValueKind != JsonValueKind.String)
        {
            throw new ModelFileException(
                path, $"target_modules is {modules.GetRawText()}, wanted a text or a list of texts");
        }

        var text = modules.GetString()!;
        if (text.Equals(AllLinear, StringComparison.OrdinalIgnoreCase))
        {
            return _ => true;
        }

        Regex pattern;
        try
        {
            pattern = new Regex($@"\A(?:{text})\z", RegexOptions.CultureInvariant, MostTime);
        }
        catch (ArgumentException fault)
        {
            throw Refusal(path, $"target_modules is '{text}', which is no pattern ({fault.Message})");
        }

        return module =>
        {
            try
            {
                return pattern.IsMatch(module);
            }
            catch (RegexMatchTimeoutException)
            {
                throw Refusal(path, $"target_modules is '{text}', a pattern that does not end on '{module}'");
            }
        };
    }

    private static ModelFileException Refusal(string path, string problem) => new(
        path, problem, ModelFault.Unsupported,
        "Give a plain LoRA adapter of the seven linear layers, each in every layer of the model.");
}
