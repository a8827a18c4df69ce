using Workflows.Orchestrations;

namespace Workflows.Service.Files;

/// <summary>
/// Keeps uploaded files (ADR 0026): in the folder of one service, or in the bucket of several. <b>Invariant:</b> a
/// content never changes, is named by its hash, and is deleted only when no file has it and no run uses it.
/// </summary>
internal interface IFileStore
{
    /// <summary>Gets the reason why there are no uploads; null if there are.</summary>
    public string? Refusal { get; }

    /// <summary>Gets a value indicating whether contents are at addresses that a rehearsal does not read.</summary>
    public bool IsOfRealCloud { get; }

    /// <summary>Gets the most bytes of all contents.</summary>
    public long MostBytes { get; }

    /// <summary>Gets the bytes of all contents.</summary>
    public long Bytes { get; }

    /// <summary>Gets the folder of the contents: HASH/NAME.</summary>
    public string Contents { get; }

    /// <summary>Lists the files by name.</summary>
    public IReadOnlyList<UploadedFile> All();

    /// <summary>Finds a file; null if there is none.</summary>
    /// <param name="name">Its name.</param>
    public UploadedFile? Find(string name);

    /// <summary>Returns the path of a file's content, as the request of a run names it.</summary>
    /// <param name="file">The file.</param>
    public string PathOf(UploadedFile file);

    /// <summary>Lists the runs that use the contents of files, with one look at the store.</summary>
    /// <param name="files">The files.</param>
    /// <returns>The runs of each file.</returns>
    public IReadOnlyDictionary<UploadedFile, IReadOnlyList<string>> UsesOf(IReadOnlyCollection<UploadedFile> files);

    /// <summary>Opens a file's content, which can be read from any place.</summary>
    /// <param name="file">The file.</param>
    /// <param name="cancellation">Cancels the call.</param>
    public Task<Stream> OpenAsync(UploadedFile file, CancellationToken cancellation);

    /// <summary>Takes a file: whole, or not at all.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="body">Its bytes.</param>
    /// <param name="length">The number of bytes; null if it is not known.</param>
    /// <param name="sha256">The hash that it must have; null for any.</param>
    /// <param name="onlyNew">true to replace no file of other content.</param>
    /// <param name="by">The caller.</param>
    /// <param name="cancellation">Cancels the upload.</param>
    /// <returns>The file, and whether there was none of this name.</returns>
    /// <exception cref="FileRefusedException">It is too large, differs from its hash, or there is no room.</exception>
    public Task<(UploadedFile File, bool IsNew)> PutAsync(
        string name, Stream body, long? length, string? sha256, bool onlyNew, string by,
        CancellationToken cancellation);

    /// <summary>Deletes a file; its content stays while runs use it.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>false if there is none.</returns>
    public bool Delete(string name);

    /// <summary>Writes down that a run uses a content, which stays until <see cref="Release(RunId)"/>.</summary>
    /// <param name="path">A path below <see cref="Contents"/>.</param>
    /// <param name="runId">The run.</param>
    /// <returns>true if that is new, false if it was known; null if the content is not there any more.</returns>
    public bool? Use(string path, RunId runId);

    /// <summary>Ends the use of one content by a run that was not started.</summary>
    /// <param name="path">A path below <see cref="Contents"/>.</param>
    /// <param name="runId">The run.</param>
    public void Release(string path, RunId runId);

    /// <summary>Ends the use of all contents by a run that is purged.</summary>
    /// <param name="runId">The run.</param>
    public void Release(RunId runId);
}
