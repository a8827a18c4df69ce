using Workflows.Translation.Tokenization;

namespace Workflows.ModelFiles;

/// <summary>
/// A Hugging Face model folder, read in the same way by the checks before renting and by the worker's loader. Opening
/// reads every configuration file; the tokenizer and the weights' headers have methods of their own.
/// </summary>
public sealed class ModelFolder
{
    /// <summary>Name of the tokenizer's file in a model folder.</summary>
    public const string TokenizerName = "tokenizer.json";

    // The files that a text model needs beside config.json and its weights. All others are left out: an
    // adapter_config.json, for example, makes transformers load the base in place of the tuned model.
    private static readonly Dictionary<string, long> CompanionLimits = new(StringComparer.Ordinal)
    {
        [TokenizerName] = FileLimits.Tokenizer,
        ["tokenizer.model"] = FileLimits.Tokenizer,
        [ChatTemplate.TokenizerConfigName] = FileLimits.TokenizerConfiguration,
        ["added_tokens.json"] = FileLimits.TokenizerConfiguration,
        ["special_tokens_map.json"] = FileLimits.TokenizerConfiguration,
        [ChatTemplate.FileName] = FileLimits.Configuration,
        [ChatTemplate.JsonFileName] = FileLimits.Configuration,
        [GenerationConfigFile.FileName] = FileLimits.Configuration,

        // This product's own file: the prompt with which a tuned model was trained.
        ["translation.json"] = FileLimits.Configuration,
    };

    private readonly IReadOnlyList<int> _generationEnds;
    private readonly bool _hasTokenizerConfig;

    private ModelFolder(string path)
    {
        Path = path;
        Config = Gemma3ConfigFile.Read(PathOf(Gemma3ConfigFile.FileName));
        var generation = PathOf(GenerationConfigFile.FileName);
        _generationEnds = GenerationConfigFile.ReadEndTokens(generation);
        Gemma3ConfigRules.RequireRows(generation, "eos_token_id", _generationEnds, Config.VocabularySize);
        Template = ChatTemplate.Read(path);
        _hasTokenizerConfig = File.Exists(PathOf(ChatTemplate.TokenizerConfigName));
        _ = Companions(path);
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>Sizes and constants of the text model.</summary>
    public Gemma3Config Config { get; }

    /// <summary>The chat template; null if no file has one.</summary>
    public string? Template { get; }

    /// <summary>Opens a folder and reads its configuration files.</summary>
    /// <param name="path">The folder.</param>
    /// <returns>The folder's content.</returns>
    /// <exception cref="ModelFileException">
    /// A file is missing or damaged, or describes a model that is not implemented.
    /// </exception>
    public static ModelFolder Open(string path) => new(path);

    /// <summary>Lists the files of a folder that are saved with a model made from it.</summary>
    /// <param name="directory">The folder, of a model or of tokenizer files alone.</param>
    /// <returns>Their paths.</returns>
    /// <exception cref="ModelFileException">One is not a regular file, or is too large.</exception>
    /// <exception cref="IOException">It is not a folder.</exception>
    public static IReadOnlyList<string> Companions(string directory)
    {
        var found = new List<string>();
        foreach (var path in Directory.EnumerateFiles(directory).Order(StringComparer.Ordinal))
        {
            if (CompanionLimits.TryGetValue(System.IO.Path.GetFileName(path), out var maxBytes))
            {
                RegularFile.Require(path, maxBytes);
                found.Add(path);
            }
        }

        return found;
    }

    /// <summary>Opens the weights and checks their headers against the configuration.</summary>
    /// <returns>The open files; the caller closes them.</returns>
    /// <exception cref="ModelFileException">See <see cref="ModelWeights.Open"/>.</exception>
    public ModelWeights OpenWeights() => ModelWeights.Open(Path, Config);

    /// <summary>Reads the tokenizer and checks that every id it can give has a row in the embedding.</summary>
    /// <returns>The tokenizer.</returns>
    /// <remarks>
    /// Published text checkpoints have one token more than rows, <c>&lt;image_soft_token&gt;</c>. An added token
    /// without a row is not matched, so its name in a text encodes as ordinary text. It is an error only if merges,
    /// characters or a prompt produce it.
    /// </remarks>
    /// <exception cref="ModelFileException">The file is damaged, or a possible id has no row.</exception>
    public BpeTokenizer LoadTokenizer()
    {
        var (path, rows) = (PathOf(TokenizerName), Config.VocabularySize);
        RegularFile.Require(path, FileLimits.Tokenizer);
        BpeTokenizer tokenizer;
        try
        {
            tokenizer = BpeTokenizer.Load(path, rows);
        }
        catch (TokenizerException fault)
        {
            throw new ModelFileException(path, fault.Reason, ModelFault.Tokenizer, innerException: fault);
        }

        return tokenizer.FindWithoutRow(rows) is not { } token
            ? tokenizer
            : throw new ModelFileException(
                path, $"token '{tokenizer.TokenOf(token)}' has id {token}, and the embedding has {rows} rows "
                    + "(vocab_size in config.json)", ModelFault.Vocabulary);
    }

    /// <summary>
    /// Returns whether the model was trained with chat turns: it has a chat template, or it has no
    /// tokenizer_config.json and the end of a turn ends a text.
    /// </summary>
    /// <param name="endOfTurn">The token that ends a turn.</param>
    /// <returns>false for a model that was trained with plain text.</returns>
    public bool IsChat(int endOfTurn) => Template is not null
        || (!_hasTokenizerConfig && (Config.EndTokens.Contains(endOfTurn) || _generationEnds.Contains(endOfTurn)));

    private string PathOf(string name) => System.IO.Path.Combine(Path, name);
}
