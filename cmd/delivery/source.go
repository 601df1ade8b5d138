package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

func (c *command) sourceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "source",
		Short: "Check that the application's source is where the workflow looks for it",
		Args:  cobra.NoArgs,
	}
	dir := cmd.Flags().String("dir", ".", "the `folder` with the application's checkout")
	backend := cmd.Flags().String("backend", "backend", "the `folder` of the back end in it, which has a Dockerfile")
	frontend := cmd.Flags().String("frontend", "frontend", "the `folder` of the front end in it, which has package.json and package-lock.json")
	cmd.RunE = func(*cobra.Command, []string) error {
		return errors.Join(
			sourceFile(*dir, *backend, "Dockerfile", "BACKEND_DIRECTORY"),
			sourceFile(*dir, *frontend, "package.json", "FRONTEND_DIRECTORY"),
			sourceFile(*dir, *frontend, "package-lock.json", "FRONTEND_DIRECTORY"),
		)
	}
	return cmd
}

func sourceFile(dir, folder, name, variable string) error {
	if !filepath.IsLocal(folder) {
		return fmt.Errorf("%s %q; allowed: a folder inside of the repository", variable, folder)
	}
	if info, err := os.Stat(filepath.Join(dir, folder, name)); err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("no %s in folder %q of the application: put the source there, or name another folder in the repository variable %s, "+
			"or another repository in APPLICATION_REPOSITORY (docs/delivery.md)", name, folder, variable)
	}
	return nil
}
