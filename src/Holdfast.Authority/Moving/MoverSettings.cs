namespace Holdfast.Authority.Moving;

/// <summary>How a mover goes on.</summary>
/// <param name="RowsAtOnce">Rows that are read and written together.</param>
/// <param name="LagMost">The source is fenced once a piece that was all has no more rows: what is left by then is taken over while writers wait.</param>
/// <param name="RoundsMost">Pieces until it is given up: an account that is written to faster than it can be copied.</param>
/// <param name="FreezeMost">Writers wait no longer: then it is given up.</param>
internal sealed record MoverSettings(int RowsAtOnce, int LagMost, int RoundsMost, TimeSpan FreezeMost);
